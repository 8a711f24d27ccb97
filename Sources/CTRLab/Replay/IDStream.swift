/// The ids that a trainer asks for, in order: those of each row of a log together, as one pull.
///
/// Ids are numbered from 0 in the order in which they come.
public struct IDStream: Sendable, Equatable {
    /// The ids of all pulls, one after the other.
    package private(set) var ids: [UInt32] = []
    /// Where each pull ends.
    package private(set) var ends: [Int] = []
    /// How many distinct ids there are.
    public private(set) var distinctCount = 0

    private var numbers: [UInt64: UInt32] = [:]

    public init() {}

    /// The values of a log's fields of ids; missing ones are left out. A value of one field is another
    /// id than the same value of another.
    public init(_ log: ClickLog) throws {
        let hashes = log.schema.fields.map { field in
            field.kind == .ids ? FeatureHash(field: field.name) : nil
        }
        var pull: [UInt64] = []
        try log.forEachRow { row, _ in
            pull.removeAll(keepingCapacity: true)
            for value in row.values where !value.isMissing {
                guard let hash = hashes[value.field] else { continue }
                pull.append(hash.id(.value, row.bytes[value.text]))
            }
            append(pull)
        }
        numbers = [:]
        guard !ids.isEmpty else { throw CTRLabError.badInput("the log has no ids") }
    }

    /// Adds a pull of these ids; none twice.
    package mutating func append(_ pull: [UInt64]) {
        for (place, id) in pull.enumerated() where !pull[..<place].contains(id) {
            let number = numbers[id] ?? UInt32(distinctCount)
            if number == distinctCount {
                numbers[id] = number
                distinctCount += 1
            }
            ids.append(number)
        }
        ends.append(ids.count)
    }
}
