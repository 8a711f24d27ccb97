/// The rows of a pull, in the order of its ids.
public struct PulledRows: Sendable {
    /// Values in a row.
    public let dimension: Int
    /// Row-major: row i is `values[i * dimension ..< (i + 1) * dimension]`.
    public let values: [Float]
    /// For each id whether it has a row; none when unknown ids were created.
    public let found: [Bool]?

    /// Number of rows.
    public var count: Int { values.count / dimension }

    /// The row of the `index`th id.
    public subscript(index: Int) -> ArraySlice<Float> {
        values[index * dimension..<(index + 1) * dimension]
    }
}
