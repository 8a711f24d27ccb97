/// A table of an ``OfflineStore``, which it keeps open.
public struct OfflineTable {
    public let name: String
    public let number: UInt32
    public let schema: TableSchema
    public let rowCount: Int
    /// Of its files.
    public let byteCount: Int
    /// Pushes applied since the table was made: Adam's step.
    public let pushCount: Int
    private let owner: OfflineStore
    private let cold: any ColdTier
    private let epoch: UInt32

    /// Rows done, of all.
    public typealias Progress = (_ rowsDone: Int, _ rowsTotal: Int) -> Void

    init(_ table: Table, of owner: OfflineStore, in store: Store) {
        self.owner = owner
        let figures = table.statistics()
        name = table.name
        number = table.number
        schema = table.schema
        rowCount = figures.rows
        byteCount = figures.cold.bytes
        pushCount = table.rows.state.pushes
        cold = store.cold
        epoch = store.budget.epoch
    }

    /// Floats of optimizer state beside a row.
    public var stateCount: Int { layout.stateCount }

    /// Floats of a row as it is kept.
    public var rowDimension: Int { layout.dimension }

    var layout: RowLayout { RowLayout(schema) }

    /// Calls `body` with each row, in ascending order of key. Memory does not grow with the table.
    /// Blocks.
    ///
    /// - Parameter progress: called every few thousand rows, and at the end.
    ///
    /// Throws `damaged`, `storageFailed`, or what `body` throws.
    public func scan(
        progress: Progress? = nil, _ body: (StoredRow) throws(StoreError) -> Void
    ) throws(StoreError) {
        var row = StoredRow(schema)
        try unsafe scanValues(progress: progress) { (key, value) throws(StoreError) in
            try unsafe row.read(value, key: key, table: number, layout: layout, epoch: epoch)
            try body(row)
        }
    }

    /// The same, of rows whose values must be numbers: throws `nonFinite` with the key of the first
    /// that are not.
    public func scanFinite(
        progress: Progress? = nil, _ body: (StoredRow) throws(StoreError) -> Void
    ) throws(StoreError) {
        try scan(progress: progress) { (row) throws(StoreError) in
            guard row.isFinite else { throw .nonFinite("row \(row.key) of table '\(name)'") }
            try body(row)
        }
    }

    /// The largest key; 0 when there is none.
    func largestKey() throws(StoreError) -> UInt64 {
        var last: UInt64 = 0
        try unsafe scanValues(progress: nil) { key, _ in last = key }
        return last
    }

    /// Calls `body` with each key and the bytes of its row.
    func scanValues(
        progress: Progress?, _ body: (UInt64, UnsafeRawBufferPointer) throws(StoreError) -> Void
    ) throws(StoreError) {
        var done = 0
        do throws(StoreError) {
            try unsafe cold.scan(table: number) { (key, value) throws(StoreError) in
                try unsafe body(key, value)
                done += 1
                if done % Self.rowsBetweenProgress == 0 { progress?(done, max(done, rowCount)) }
                return true
            }
        } catch {
            throw error.inTable(name)
        }
        progress?(done, done)
    }

    private static let rowsBetweenProgress = 1 << 14
}
