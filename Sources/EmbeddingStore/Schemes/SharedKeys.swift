/// Which shared rows stand for an id: the pure part of a scheme, the same in every process and for
/// every client that knows the table's seed.
///
/// Shared row `i` of a table has the key `~i`. So own rows can live beside them with the id as key:
/// only of the last ids below 2^64, as many as there are shared rows, none can have its own.
package struct SharedKeys: Sendable {
    private let kind: Kind
    /// Shared rows for each id: 1 or 2.
    package let partCount: Int

    private enum Kind {
        case hashed(rows: UInt64, salts: (UInt64, UInt64))
        case field(shift: UInt64)
        case quotientRemainder(divisor: UInt64)
    }

    /// Nil for a scheme without shared rows.
    package init?(_ schema: TableSchema) {
        // Two hash functions that have nothing to do with each other, nor with the start of rows.
        let salts = (Self.salt(schema.seed, 1), Self.salt(schema.seed, 2))
        switch schema.scheme {
        case .full, .deepHash:
            return nil
        case .hashed(let rows):
            kind = .hashed(rows: UInt64(rows), salts: salts)
            partCount = 1
            firstShared = ~UInt64(rows - 1)
        case .doubleHashed(let rows, _), .frequencyDoubleHashed(_, let rows, _):
            kind = .hashed(rows: UInt64(rows), salts: salts)
            partCount = 2
            firstShared = ~UInt64(rows - 1)
        case .frequencyFiltered:
            kind = .field(shift: UInt64(64 - schema.fieldBits))
            partCount = 1
            firstShared = ~((1 << UInt64(schema.fieldBits)) - 1)
        case .quotientRemainder(let rows, _):
            kind = .quotientRemainder(divisor: UInt64(rows))
            partCount = 2
            firstShared = ~UInt64(rows - 1)
        }
    }

    private static func salt(_ seed: UInt64, _ number: UInt64) -> UInt64 {
        KeyHash(salt: seed)(number &* 0xD1B5_4A32_D192_ED03)
    }

    /// The least key of a shared row; own rows have lesser ones. Not for quotients and remainders.
    let firstShared: UInt64

    /// Key of the first shared row of an id.
    @inline(__always)
    package func first(_ id: UInt64) -> UInt64 {
        switch kind {
        case .hashed(let rows, let salts): ~Self.row(id, salts.0, rows)
        case .field(let shift): ~(id >> shift)  // a shift by 64 gives 0: one row for all
        case .quotientRemainder(let divisor): id / divisor
        }
    }

    /// Key of the second; only where there are two.
    @inline(__always)
    package func second(_ id: UInt64) -> UInt64 {
        switch kind {
        case .hashed(let rows, let salts): ~Self.row(id, salts.1, rows)
        case .field: preconditionFailure("one shared row for each id")
        case .quotientRemainder(let divisor): ~(id % divisor)
        }
    }

    @inline(__always)
    private static func row(_ id: UInt64, _ salt: UInt64, _ rows: UInt64) -> UInt64 {
        // The high half of the product is below `rows`, and as even as the hash.
        KeyHash(salt: salt)(id).multipliedFullWidth(by: rows).high
    }

    /// The keys of the shared rows of ids, those of one id side by side.
    func keys(count: Int, of id: (Int) -> UInt64) -> [UInt64] {
        var keys: [UInt64] = []
        keys.reserveCapacity(count * partCount)
        for at in 0..<count {
            let id = id(at)
            keys.append(first(id))
            if partCount == 2 { keys.append(second(id)) }
        }
        return keys
    }
}

extension TableSchema {
    /// The least key of a row that belongs to no id alone; nil where every row belongs to one.
    var firstSharedKey: UInt64? {
        if scheme == .full { return nil }
        // Where no id has a row of its own all keys are of others.
        return scheme.admits ? SharedKeys(self)?.firstShared : 0
    }
}
