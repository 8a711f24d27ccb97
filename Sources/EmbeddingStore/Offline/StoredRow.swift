/// A row as a scan of a table on disk shows it.
///
/// One value is filled again for each row: nothing is allocated, unless the arrays are kept.
public struct StoredRow: Sendable {
    public internal(set) var key: UInt64 = 0
    /// How often the row was used, halved with every epoch up to the store's last.
    public internal(set) var frequency: UInt16 = 0
    /// When the row was last used, in seconds since 1970; 0 in tables without a time to live.
    public internal(set) var lastUse: UInt32 = 0
    /// float32[row dimension].
    public internal(set) var values: [Float]
    /// float32[state count]: what the optimizer keeps beside the row.
    public internal(set) var state: [Float]
    /// The size of one step of int16 and int8; 0 for the others.
    public internal(set) var scale: Float = 0
    /// How the values are kept on disk.
    public internal(set) var precision: Precision
    /// Of key and value, without what RocksDB adds.
    public internal(set) var byteCount = 0

    private let rule: StepRule

    init(_ schema: TableSchema) {
        let layout = RowLayout(schema)
        rule = StepRule(schema)
        values = [Float](repeating: 0, count: layout.dimension)
        state = [Float](repeating: 0, count: layout.stateCount)
        precision = layout.precision
    }

    /// Whether every value and all state is a number.
    public var isFinite: Bool {
        // A sum of finite floats that is not finite as a double does not exist.
        func sum(_ floats: [Float]) -> Double { floats.reduce(0) { $0 + Double($1) } }
        return (sum(values) + sum(state)).isFinite
    }

    /// Reads a value of the cold tier. Throws `damaged` when it can be none of the table's.
    mutating func read(
        _ value: UnsafeRawBufferPointer, key: UInt64, table: UInt32, layout: RowLayout,
        epoch: UInt32
    ) throws(StoreError) {
        let (parsed, frequency, epochWritten) = unsafe try ColdValue.parse(
            value, layout: layout, key: key, table: table)
        self.key = key
        self.frequency = RowMeta.frequency(frequency, of: epochWritten, at: epoch)
        lastUse = unsafe parsed.lastUse(value)
        precision = parsed.precision
        byteCount = 8 + value.count
        scale = unsafe values.withUnsafeMutableBufferPointer { values in
            unsafe state.withUnsafeMutableBufferPointer { state in
                // A dimension is at least 1; nothing is written where there is no state.
                unsafe parsed.read(
                    value, row: values.baseAddress!, state: state.baseAddress, rule: rule)
            }
        }
    }
}
