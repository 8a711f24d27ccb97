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
    private let table: Table
    private let cold: any ColdTier
    private let admission: (any Admission)?
    private let epoch: UInt32

    /// Rows done, of all.
    public typealias Progress = (_ rowsDone: Int, _ rowsTotal: Int) -> Void

    init(_ table: Table, of owner: OfflineStore, in store: Store) {
        self.owner = owner
        self.table = table
        let figures = table.statistics()
        name = table.name
        number = table.number
        schema = table.schema
        rowCount = figures.rows
        byteCount = figures.cold.bytes
        pushCount = table.rows.state.pushes
        cold = store.cold
        admission = table.admitted?.admission
        epoch = store.budget.epoch
    }

    /// Floats of optimizer state beside a row.
    public var stateCount: Int { layout.stateCount }

    /// Floats of a row as it is kept.
    public var rowDimension: Int { layout.dimension }

    var layout: RowLayout { RowLayout(schema) }

    /// Of a table that admits ids, those that are known one by one.
    var countedIDs: CountedIDs { admission?.countedIDs ?? CountedIDs() }

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

    /// Whether there are rows that belong to one id, which is their key.
    public var hasOwnRows: Bool { schema.firstSharedKey != 0 }

    /// Calls `body` with each row that belongs to one id and has not outlived the table's time to live,
    /// in ascending order of id. Throws as `scanFinite` does.
    public func scanOwn(
        at now: UInt32, progress: Progress? = nil, _ body: (StoredRow) throws(StoreError) -> Void
    ) throws(StoreError) {
        let lifetime = Lifetime(schema)
        let firstShared = schema.firstSharedKey
        try scanFinite(progress: progress) { (row) throws(StoreError) in
            if let firstShared, row.key >= firstShared { return }
            if let lifetime, lifetime.isOver(lastUse: row.lastUse, now: now) { return }
            try body(row)
        }
    }

    /// What a server that creates nothing would answer for `ids`: rows, float32[n][dimension], and
    /// which of them are there. Blocks.
    ///
    /// Throws `nonFinite`, `damaged` or `storageFailed`.
    public func serve(
        _ ids: [UInt64]
    ) throws(StoreError) -> (rows: [Float], found: [Bool]) {
        let served = try table.serve(ids)
        if let bad = served.rows.firstIndex(where: { !$0.isFinite }) {
            throw .nonFinite("what id \(ids[bad / schema.dimension]) of table '\(name)' is served")
        }
        return served
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
