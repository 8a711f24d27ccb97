/// What a scheme with shared rows makes of the ids of a table: which of them keep a row of their own,
/// which shared rows, numbered from 0, stand for each of the others, and under which keys both lie.
struct RowSharing {
    enum Rule {
        /// The shared row is the id's.
        case one
        /// The sum of two.
        case sum
        /// The second of two after the first, each of half the dimension.
        case concatenate
        /// The product of two, element by element.
        case product
    }

    enum OwnRows {
        case none
        /// So many ids at most, those that are used most.
        case mostFrequent(Int)
        /// Every id that was used so often.
        case usedAtLeast(Int)
    }

    let rule: Rule
    let own: OwnRows
    let rowCount: Int
    /// Shared rows from this number on are those of quotients, in ascending order of id.
    let firstQuotient: Int
    /// The same number twice where one row stands for an id.
    let parts: (_ id: UInt64) -> (first: Int, second: Int)
    /// The key of a shared row.
    let key: (_ number: Int) -> UInt64
    /// Ids from here on cannot have a row of their own: shared rows have their keys.
    let firstKeyTaken: UInt64
}

extension RowSharing {
    /// Of a table that shall have this schema; nil where every id has a row of its own.
    ///
    /// - Parameter largestID: of the ids that there are.
    ///
    /// Throws `unsupported` for rows that cannot be fitted.
    init?(_ schema: TableSchema, largestID: () throws(StoreError) -> UInt64) throws(StoreError) {
        if case .deepHash = schema.scheme {
            throw .unsupported("a network cannot be fitted to rows; train a table with deepHash")
        }
        guard let keys = SharedKeys(schema) else { return nil }
        var own = OwnRows.none
        // Keys of shared rows count down from the last; only quotients count up from 0.
        var quotients = 0
        switch schema.scheme {
        case .full, .deepHash:
            return nil
        case .hashed(let rows), .doubleHashed(let rows, _):
            rowCount = rows
        case .frequencyDoubleHashed(let most, let rows, _):
            own = .mostFrequent(most)
            rowCount = rows
        case .frequencyFiltered:
            own = .usedAtLeast(schema.admissionCount)
            rowCount = 1 << schema.fieldBits
        case .quotientRemainder(let divisor, _):
            quotients = Int(clamping: try largestID() / UInt64(divisor)) + 1
            rowCount = divisor + quotients
        }
        self.own = own
        switch schema.scheme.combine {
        case nil: rule = .one
        case .sum: rule = .sum
        case .concatenate: rule = .concatenate
        case .multiply: rule = .product
        }
        let descending = rowCount - quotients
        firstQuotient = descending
        func number(_ key: UInt64) -> Int {
            key < UInt64(quotients) ? descending + Int(key) : Int(~key)
        }
        let isPair = keys.partCount == 2
        parts = { id in
            let first = number(keys.first(id))
            return (first, isPair ? number(keys.second(id)) : first)
        }
        key = { $0 < descending ? ~UInt64($0) : UInt64($0 - descending) }
        firstKeyTaken = ~UInt64(descending - 1)
    }
}
