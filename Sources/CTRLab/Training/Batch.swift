/// Some examples, with the ids that they need.
struct Batch: Sendable {
    /// The distinct ids. Those that the batch before has not come first; see ``BatchReader``.
    let ids: [UInt64]
    /// How many of the ids the batch before has not.
    let freshCount: Int
    /// Which of ``ids`` make up each field of each example.
    let bags: FieldBags
    /// examples × numbers.
    let numbers: Matrix
    /// examples × labels.
    let labels: Matrix

    /// Those that the batch before has not.
    var freshIDs: [UInt64] { Array(ids.prefix(freshCount)) }
    /// The others.
    var sharedIDs: [UInt64] { Array(ids.dropFirst(freshCount)) }
}
