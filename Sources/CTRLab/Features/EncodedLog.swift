/// The rows of a log as features, in memory: 4 bytes for each id, and 8 for each distinct one.
public struct EncodedLog: Sendable, Equatable {
    public let shape: FeatureShape
    /// 0 or 1: examples × labels.
    public let labels: [Float]
    /// examples × numbers.
    public let numbers: [Float]
    /// The distinct ids, in the order in which they come.
    public let vocabulary: [UInt64]
    /// Of each example and field the ids, as their places in ``vocabulary``.
    let bags: FieldBags

    /// Examples.
    public var count: Int { labels.count / shape.labels }

    /// The id of each example in a field, the first where there are several, to group examples by.
    func groups(field: Int) -> [UInt64] {
        (0..<count).map { example in
            let bag = example * shape.fields + field
            let cell = bags.offsets.map { Int($0[bag]) } ?? bag
            return vocabulary[Int(bags.rows[cell])]
        }
    }

    /// Throws `badInput` unless each label has both classes, as every measure of ranking needs.
    func checkClasses(_ part: String, _ names: [String]) throws(CTRLabError) {
        for (label, name) in names.enumerated() {
            let positives = stride(from: label, to: labels.count, by: shape.labels)
                .count { labels[$0] > 0.5 }
            guard positives == 0 || positives == count else { continue }
            throw .badInput(
                count == 0
                    ? "no \(part) rows"
                    : "all \(count) \(part) rows have \(name) \(positives == 0 ? 0 : 1); "
                        + "both classes are needed")
        }
    }
}
