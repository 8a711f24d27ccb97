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

    /// Calls `body` with each bag and the places of its ids in ``rows``.
    @inline(__always)
    func forEachBag(_ body: (_ bag: Int, _ cells: Range<Int>) -> Void) {
        if let offsets {
            for bag in 0..<examples * fields {
                body(bag, Int(offsets[bag])..<Int(offsets[bag + 1]))
            }
        } else {
            for bag in 0..<examples * fields { body(bag, bag..<bag + 1) }
        }
    }

    @inline(__always)
    func weight(of cell: Int) -> Float { weights?[cell] ?? 1 }
}
