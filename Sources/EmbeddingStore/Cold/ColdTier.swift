/// The disk below the shards: values by table and key, in batches. RocksDB stands behind it, and in
/// tests one that fails on demand.
///
/// Every call may block on I/O, so none is made on an event loop or with a shard's lock held. Reads
/// run at any time from any thread; writes of one store come one at a time (`Store.coldWrites`).
protocol ColdTier: AnyObject, Sendable {
    /// The small records that describe the store itself, by name. They are on disk when
    /// `putCatalog` returns.
    func catalog() throws(StoreError) -> [String: [UInt8]]
    /// Puts (or, nil, removes) catalog records, all or none.
    func putCatalog(_ records: [String: [UInt8]?]) throws(StoreError)

    /// The tables that have a place here.
    var tables: Set<UInt32> { get }
    func createTable(_ table: UInt32) throws(StoreError)
    func dropTable(_ table: UInt32) throws(StoreError)

    /// The values of `keys`, in their order.
    func read(_ keys: [UInt64], table: UInt32) throws(StoreError) -> ColdRows
    /// Puts, or without a value deletes, all of `rows`; no key comes twice. `keyCount` is the number
    /// of keys that the table has then, where it is known: what survives of one survives of the other.
    func write(_ rows: ColdRows, table: UInt32, keyCount: Int?) throws(StoreError)
    /// What the last `write` that is on disk said of the number of keys, nil when it said nothing.
    func keyCount(table: UInt32) throws(StoreError) -> Int?
    /// Calls `body` with each key and value, in ascending order of key, until it returns false.
    func scan(
        table: UInt32, _ body: (UInt64, UnsafeRawBufferPointer) throws(StoreError) -> Bool
    ) throws(StoreError)
    /// Bytes that a table takes on disk, about.
    func byteCount(table: UInt32) -> Int
    /// The files of rows that make up the tier now, by name, with the table of each; nil for the
    /// catalog's.
    func rowFiles() throws(StoreError) -> [String: UInt32?]

    /// Writes of rows survive the process, and with `synced` the machine, when `write` returns.
    func keepWrites(synced: Bool)
    /// Makes everything written so far survive the machine.
    func sync() throws(StoreError)
    /// Makes a copy of everything written so far in a folder that does not exist yet.
    func checkpoint(to path: String) throws(StoreError)
    func close()
}

extension ColdTier {
    /// Of a tier that has no files.
    func rowFiles() throws(StoreError) -> [String: UInt32?] { [:] }

    /// Counts a table's keys by reading them all.
    func countKeys(table: UInt32) throws(StoreError) -> Int {
        var count = 0
        try unsafe scan(table: table) { _, _ in
            count += 1
            return true
        }
        return count
    }
}
