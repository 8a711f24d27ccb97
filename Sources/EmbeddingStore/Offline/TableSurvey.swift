/// What a table on disk holds, found by reading all of its rows.
public struct TableSurvey: Sendable {
    /// Bytes of one row by part.
    public struct RowBytes: Sendable, Equatable {
        public var key: Double
        /// Of the hash table in memory.
        public var index: Double
        /// Frequency and what belongs to it.
        public var meta: Double
        public var scale: Double
        public var state: Double
        public var row: Double
        /// What RocksDB adds (its own part of each key, indexes, filters, checksums), or padding in
        /// memory.
        public var other: Double

        public var total: Double { key + index + meta + scale + state + row + other }
    }

    public struct Tier: Sendable {
        public var rows: Int
        public var bytes: Int
        /// Of one row; in memory as computed from the layout.
        public var rowBytes: RowBytes
    }

    /// Rows that were in memory at the last stop or checkpoint, and what they took there. They are
    /// on disk as well.
    public var hot: Tier
    public var cold: Tier
    /// Rows on disk by precision.
    public private(set) var rowsByPrecision: [Precision: Int] = [:]
    public private(set) var frequencies = PowerHistogram()
    /// Euclidean norms of rows.
    public private(set) var norms = PowerHistogram()
    /// Steps of rows that are kept as int16 or int8.
    public private(set) var scales = PowerHistogram()
    /// Rows on disk by field, which are all; nil where there is nothing to tell them apart by.
    public private(set) var fields: FieldStatistics?
    /// Rows with values that are no numbers.
    public private(set) var nonFiniteRows = 0

    /// Reads all rows. Blocks. Throws `damaged` or `storageFailed`.
    public init(
        _ table: OfflineTable, in store: OfflineStore, progress: OfflineTable.Progress? = nil
    ) throws(StoreError) {
        let layout = table.layout
        let hotRow = Self.hotRowBytes(layout)
        let hotRows = store.hotRowCounts[table.number] ?? 0
        hot = Tier(
            rows: hotRows, bytes: Int(Double(hotRows) * hotRow.total), rowBytes: hotRow)
        cold = Tier(
            rows: 0, bytes: table.byteCount,
            rowBytes: RowBytes(key: 8, index: 0, meta: 0, scale: 0, state: 0, row: 0, other: 0))
        var valueBytes = RowBytes(key: 0, index: 0, meta: 0, scale: 0, state: 0, row: 0, other: 0)
        var fields = FieldTally(table.schema)
        try table.scan(progress: progress) { row in
            cold.rows += 1
            fields?.add(row: row.key, frequency: row.frequency)
            rowsByPrecision[row.precision, default: 0] += 1
            frequencies.add(Double(row.frequency))
            let scaleBytes = row.precision.scaleBytes
            let rowBytes = row.values.count * row.precision.elementBytes
            valueBytes.scale += Double(scaleBytes)
            valueBytes.row += Double(rowBytes)
            guard row.isFinite else {
                nonFiniteRows += 1
                return
            }
            norms.add(row.values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot())
            if scaleBytes != 0 { scales.add(Double(row.scale)) }
        }
        fields?.add(table.countedIDs)
        self.fields = fields?.statistics
        let rows = Double(max(cold.rows, 1))
        cold.rowBytes.meta = Double(ColdValue.headerBytes + (layout.keepsLastUse ? 4 : 0))
        cold.rowBytes.scale = valueBytes.scale / rows
        cold.rowBytes.state = Double(layout.stateBytes)
        cold.rowBytes.row = valueBytes.row / rows
        cold.rowBytes.other = max(0, Double(cold.bytes) / rows - cold.rowBytes.total)
    }

    private static func hotRowBytes(_ layout: RowLayout) -> RowBytes {
        let state = Double(layout.stateBytes)
        let meta = Double(layout.keepsLastUse ? 8 : 4)
        let parts = 8 + meta + Double(layout.precision.scaleBytes + layout.rowBytes) + state
        return RowBytes(
            key: 8, index: SlotIndex.bytesPerRow, meta: meta,
            scale: Double(layout.precision.scaleBytes), state: state,
            row: Double(layout.rowBytes), other: Double(layout.stride) - parts)
    }
}
