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
    private let rule: StepRule
    private let format: ColdValue
    private let initialState: [Float]
    private var rows: ColdRows
    private var lastKey: UInt64?
    private var isAscending: Bool
    /// Once it is finished.
    private var rowsInTable: Int?

    /// Bytes of rows that are gathered before they are written.
    private static let gatheredBytesMax = 24 << 20

    init(_ entry: CatalogEntry, cold: RocksDBColdTier, epoch: UInt32, isEmpty: Bool) {
        name = entry.name
        number = entry.number
        schema = entry.schema
        self.cold = cold
        self.epoch = epoch
        layout = RowLayout(entry.schema)
        rule = StepRule(entry.schema)
        format = ColdValue(precision: entry.schema.coldPrecision, layout: layout)
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
    ///   - lastUse: when it was last used, in seconds since 1970, for a table with a time to live.
    ///
    /// Throws `dimensionMismatch`, `malformed`, `nonFinite`, `storageFailed` or `storageFull`.
    public func append(
        key: UInt64, values: [Float], state: [Float]? = nil, frequency: UInt16 = 1,
        lastUse: UInt32 = UnixClock.system.now()
    ) throws(StoreError) {
        guard values.count == layout.dimension else {
            throw .dimensionMismatch(expected: layout.dimension, got: values.count)
        }
        let state = state ?? initialState
        guard state.count == layout.stateCount else {
            throw .malformed(
                "the table has \(layout.stateCount) floats of state a row, not \(state.count)")
        }
        try write(key, values, state, frequency, lastUse)
    }

    /// Adds a row of another table and tells what is read back in its place.
    func append(_ row: StoredRow, as stored: inout [Float]) throws(StoreError) {
        try write(row.key, row.values, row.state, row.frequency, row.lastUse)
        if stored.count != row.values.count { stored = row.values }
        unsafe rows.withValue(at: rows.count - 1) { value in
            unsafe stored.withUnsafeMutableBufferPointer { stored in
                // The value was just written, and a dimension is at least 1.
                _ = unsafe format.read(
                    value!, row: stored.baseAddress!, state: nil, rule: rule)
            }
        }
    }

    /// What is read back in place of a row.
    func rounded(_ row: [Float]) -> [Float] {
        var stored = row
        let state = initialState
        unsafe withUnsafeTemporaryAllocation(byteCount: format.byteCount, alignment: 16) { bytes in
            unsafe stored.withUnsafeMutableBufferPointer { row in
                unsafe state.withUnsafeBufferPointer { state in
                    // A dimension is at least 1.
                    unsafe format.write(
                        row.baseAddress!, state: state.baseAddress, rule: rule, frequency: 0,
                        epoch: 0, lastUse: 0, into: bytes)
                    _ = unsafe format.read(
                        UnsafeRawBufferPointer(bytes), row: row.baseAddress!, state: nil,
                        rule: rule)
                }
            }
        }
        return stored
    }

    private func write(
        _ key: UInt64, _ values: [Float], _ state: [Float], _ frequency: UInt16,
        _ lastUse: UInt32
    ) throws(StoreError) {
        try prepare(key)
        unsafe values.withUnsafeBufferPointer { values in
            unsafe state.withUnsafeBufferPointer { state in
                unsafe rows.append(key, byteCount: format.byteCount) {
                    // A dimension is at least 1.
                    unsafe format.write(
                        values.baseAddress!, state: state.baseAddress, rule: rule,
                        frequency: frequency, epoch: epoch, lastUse: lastUse, into: $0)
                }
            }
        }
    }

    private func prepare(_ key: UInt64) throws(StoreError) {
        if rows.valueBytes >= Self.gatheredBytesMax { try write() }
        if let lastKey, lastKey >= key { isAscending = false }
        lastKey = key
        rowCount += 1
    }

    private func write() throws(StoreError) {
        if rows.count == 0 { return }
        try cold.append(isAscending ? rows : rows.lastOfEachKey(), table: number)
        rows = Self.noRows(format)
    }

    /// Writes what is left; no row may follow. Returns the number of rows in the table. A store that
    /// is finished finishes its tables itself.
    @discardableResult
    public func finish() throws(StoreError) -> Int {
        if let rowsInTable { return rowsInTable }
        try write()
        var count = rowCount
        if !isAscending {
            try cold.compact(table: number)
            count = try cold.countKeys(table: number)
        }
        try cold.write(ColdRows(), table: number, keyCount: count)
        try cold.sync()
        rowsInTable = count
        return count
    }

    /// Of the table's files, once it is finished.
    public var byteCount: Int { cold.byteCount(table: number) }
}
