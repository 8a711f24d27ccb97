/// Fills a table of a ``StoreWriter``.
///
/// Rows are gathered and written as sorted files, which RocksDB takes over as they are. Those that
/// come in ascending order of key are written once; others are merged at the end.
public final class TableWriter {
    public let name: String
    public let schema: TableSchema
    /// Rows appended so far.
    public private(set) var rowCount = 0

    private let number: UInt32
    private let cold: RocksDBColdTier
    private let epoch: UInt32
    private let layout: RowLayout
    private let format: ColdValue
    private let initialState: [Float]
    private var rows: ColdRows
    private var lastKey: UInt64?
    private var isAscending: Bool

    /// Bytes of rows that are gathered before they are written.
    private static let gatheredBytesMax = 24 << 20

    init(_ entry: CatalogEntry, cold: RocksDBColdTier, epoch: UInt32, isEmpty: Bool) {
        name = entry.name
        number = entry.number
        schema = entry.schema
        self.cold = cold
        self.epoch = epoch
        layout = RowLayout(entry.schema)
        format = ColdValue(
            precision: entry.schema.coldPrecision, dimension: layout.dimension,
            stateCount: layout.stateCount)
        initialState = [Float](
            repeating: entry.schema.optimizer.initialState, count: layout.stateCount)
        rows = Self.noRows(format)
        isAscending = isEmpty
    }

    private static func noRows(_ format: ColdValue) -> ColdRows {
        ColdRows(
            reservingRows: gatheredBytesMax / format.byteCount + 1, bytesPerRow: format.byteCount)
    }

    /// Adds a row, rounded to the nearest of the table's cold precision; of rows with one key the last
    /// counts.
    ///
    /// - Parameters:
    ///   - values: float32[row dimension].
    ///   - state: float32[state count] of the table's optimizer; nil for that of a new row.
    ///   - frequency: how often it is thought to have been used.
    ///
    /// Throws `dimensionMismatch`, `malformed`, `nonFinite`, `storageFailed` or `storageFull`.
    public func append(
        key: UInt64, values: [Float], state: [Float]? = nil, frequency: UInt16 = 1
    ) throws(StoreError) {
        guard values.count == layout.dimension else {
            throw .dimensionMismatch(expected: layout.dimension, got: values.count)
        }
        let state = state ?? initialState
        guard state.count == layout.stateCount else {
            throw .malformed(
                "the table has \(layout.stateCount) floats of state a row, not \(state.count)")
        }
        try prepare(key)
        unsafe values.withUnsafeBufferPointer { values in
            unsafe state.withUnsafeBufferPointer { state in
                unsafe rows.append(key, byteCount: format.byteCount) {
                    // A dimension is at least 1.
                    unsafe format.write(
                        values.baseAddress!, state: state.baseAddress, frequency: frequency,
                        epoch: epoch, into: $0)
                }
            }
        }
    }

    /// Adds a row whose bytes are those of another table with the same layout.
    func append(_ key: UInt64, _ value: UnsafeRawBufferPointer) throws(StoreError) {
        try prepare(key)
        unsafe rows.append(key, value)
    }

    private func prepare(_ key: UInt64) throws(StoreError) {
        if rows.valueBytes >= Self.gatheredBytesMax { try write() }
        if let lastKey, lastKey >= key { isAscending = false }
        lastKey = key
        rowCount += 1
    }

    private func write() throws(StoreError) {
        if rows.count == 0 { return }
        try cold.write(isAscending ? rows : rows.lastOfEachKey(), table: number)
        rows = Self.noRows(format)
    }

    /// Writes what is left. Returns the number of rows in the table.
    func finish() throws(StoreError) -> Int {
        try write()
        if isAscending { return rowCount }
        try cold.compact(table: number)
        return try cold.countKeys(table: number)
    }
}
