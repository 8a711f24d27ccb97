public import EmbeddingStore

/// What a table takes, in either tier.
public struct TableBytes: Sendable, Hashable, Codable {
    /// Rows that the table has.
    public var rowCount: Int
    /// Of the rows' values and scales.
    public var rows: Int
    public var optimizerState: Int
    /// Of everything else that the store counts: keys, frequencies, index, pages that are not full,
    /// who is to have a row of its own, and of files on disk all but rows and state.
    public var index: Int
}

extension TableBytes {
    public init(_ statistics: TableStatistics, _ schema: TableSchema) {
        func bytes(_ precision: Precision) -> Int {
            schema.rowDimension * precision.elementBytes + precision.scaleBytes
        }
        rowCount = statistics.rows
        rows =
            statistics.hot.rows * bytes(schema.hotPrecision)
            + statistics.cold.rows * bytes(schema.coldRowPrecision)
        optimizerState =
            statistics.rows * schema.statePrecision.elementBytes
            * schema.optimizer.stateCount(dimension: schema.rowDimension)
        // A table without rows on disk has empty files there, which are not what is asked for.
        let all = statistics.hot.bytes + (statistics.cold.rows > 0 ? statistics.cold.bytes : 0)
        index =
            max(0, all - rows - optimizerState) + (statistics.admission?.bytes ?? 0)
    }
}
