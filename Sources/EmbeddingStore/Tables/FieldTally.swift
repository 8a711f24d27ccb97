/// Counts by field the rows and ids that a pass over a table meets.
///
/// Memory is bounded: fields that are met after `fieldsMax` others are counted as one.
struct FieldTally {
    private let shift: UInt64
    private let firstShared: UInt64?
    private let none: FieldStatistics.Figures
    private var fields: [UInt32: FieldStatistics.Figures] = [:]
    private var rest: FieldStatistics.Figures
    private var sharedRows = 0

    /// As many as 16 bits tell apart.
    static let fieldsMax = 1 << 16

    /// Nil where ids do not say their field, or have no rows of their own.
    init?(_ schema: TableSchema) {
        firstShared = schema.firstSharedKey
        if schema.fieldBits == 0 || firstShared == 0 { return nil }
        shift = UInt64(64 - schema.fieldBits)
        var none = FieldStatistics.Figures()
        switch schema.scheme {
        case .frequencyDoubleHashed: (none.owners, none.candidates) = (0, 0)
        case .frequencyFiltered(.exact): none.candidates = 0
        default: break
        }
        self.none = none
        rest = none
    }

    mutating func add(row key: UInt64, frequency: UInt16) {
        if let firstShared, key >= firstShared {
            sharedRows += 1
            return
        }
        update(key) { figures in
            figures.rows += 1
            figures.uses += Int(frequency)
        }
    }

    mutating func add(_ counted: CountedIDs) {
        for id in counted.owners { update(id) { $0.owners? += 1 } }
        for id in counted.candidates { update(id) { $0.candidates? += 1 } }
    }

    @inline(__always)
    private mutating func update(_ id: UInt64, _ body: (inout FieldStatistics.Figures) -> Void) {
        let field = UInt32(truncatingIfNeeded: id >> shift)
        if fields.count < Self.fieldsMax || fields[field] != nil {
            body(&fields[field, default: none])
        } else {
            body(&rest)
        }
    }

    var statistics: FieldStatistics {
        func size(_ figures: FieldStatistics.Figures) -> Int {
            figures.rows + (figures.candidates ?? 0)
        }
        let bySize = fields.sorted { (size($1.value), $0.key) < (size($0.value), $1.key) }
        let listed = bySize.prefix(FieldStatistics.listedMax).sorted { $0.key < $1.key }
        let unlisted = bySize.dropFirst(FieldStatistics.listedMax)
        return FieldStatistics(
            listed: listed.map { field, figures in
                var figures = figures
                figures.field = field
                return figures
            },
            others: unlisted.reduce(into: rest) { $0 += $1.value },
            otherFields: unlisted.count + (rest == none ? 0 : 1), sharedRows: sharedRows)
    }
}
