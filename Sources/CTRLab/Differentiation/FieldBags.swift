/// Which rows make up the fields of some examples: a bag of rows for each example and field.
public struct FieldBags: Sendable, Equatable {
    public let examples: Int
    public let fields: Int
    /// Of every id of every bag its row's number; bags of one example stand together, in the order
    /// of the fields.
    public let rows: [UInt32]
    /// Where each bag begins in `rows`, and their end; nil where every bag has exactly one id.
    public let offsets: [UInt32]?
    /// A factor for each id; nil where all are 1.
    public let weights: [Float]?

    public init(
        examples: Int, fields: Int, rows: [UInt32], offsets: [UInt32]? = nil,
        weights: [Float]? = nil
    ) {
        precondition(offsets.map { $0.count == examples * fields + 1 } ?? true)
        precondition(offsets != nil || rows.count == examples * fields)
        precondition(weights.map { $0.count == rows.count } ?? true)
        self.examples = examples
        self.fields = fields
        self.rows = rows
        self.offsets = offsets
        self.weights = weights
    }

    /// Calls `body` with some of the examples at a time, several at once.
    @inline(__always)
    func forEachPart(_ body: (_ examples: Range<Int>) -> Void) {
        Parallel.forEachPart(of: examples, least: (1 << 12) / max(fields, 1) + 1, body)
    }

    /// Calls `body` with each bag of some examples and the places of its ids in ``rows``.
    @inline(__always)
    func forEachBag(
        of examples: Range<Int>, _ body: (_ bag: Int, _ cells: Range<Int>) -> Void
    ) {
        let bags = examples.lowerBound * fields..<examples.upperBound * fields
        if let offsets {
            for bag in bags { body(bag, Int(offsets[bag])..<Int(offsets[bag + 1])) }
        } else {
            for bag in bags { body(bag, bag..<bag + 1) }
        }
    }

    /// Calls `body` with each of some examples and the places of its ids in ``rows``.
    @inline(__always)
    func forEachExample(
        of examples: Range<Int>, _ body: (_ example: Int, _ cells: Range<Int>) -> Void
    ) {
        for example in examples {
            let bags = example * fields..<(example + 1) * fields
            if let offsets {
                body(example, Int(offsets[bags.lowerBound])..<Int(offsets[bags.upperBound]))
            } else {
                body(example, bags)
            }
        }
    }

    @inline(__always)
    func weight(of cell: Int) -> Float { weights?[cell] ?? 1 }
}
