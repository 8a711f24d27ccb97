internal import Foundation

/// Makes a store on disk from rows, without a hot tier: several times faster than assigning them, in
/// bounded memory, and nothing that looks like a store until ``finish()``.
///
/// One thread at a time.
public final class StoreWriter {
    /// Where the store will be.
    public var destination: String { folder.destination }

    /// For files of the work that are gone before it is finished.
    var scratchFolder: String { folder.path }

    private let folder: NewFolder
    private let cold: RocksDBColdTier
    private var state: DataDirectory.State
    private var entries: [UInt32: CatalogEntry] = [:]
    private var nextNumber: UInt32
    private var writers: [UInt32: TableWriter] = [:]
    /// Tables whose rows are not those of the store that this began as.
    private var changed: Set<UInt32> = []

    /// Begins a store without tables. Throws `cannotCreate` when the destination, an absolute path,
    /// exists.
    public init(destination: String) throws(StoreError) {
        folder = try NewFolder(destination)
        state = DataDirectory.State(isClean: true)
        nextNumber = 1
        cold = try RocksDBColdTier(
            path: folder.path + "/cold", readOnly: false, mayCreate: true, compresses: true)
    }

    /// Begins a store that is what `source` is; files of rows are linked where the file system
    /// allows, and otherwise copied.
    public init(destination: String, copyOf source: OfflineStore) throws(StoreError) {
        folder = try NewFolder(destination)
        try folder.takePermissions(of: source.path)
        try StoreFiles.copy(source.folder, to: folder.path)
        state = try DataDirectory.readState(inFolder: folder.path)
        cold = try RocksDBColdTier(
            path: folder.path + "/cold", readOnly: false, mayCreate: false, compresses: true)
        nextNumber = 1
        for (record, bytes) in try cold.catalog() {
            if record == CatalogEntry.nextNumberRecord {
                nextNumber = try CatalogEntry.nextNumber(bytes)
            } else {
                let entry = try CatalogEntry(record: record, bytes: bytes)
                entries[entry.number] = entry
            }
        }
        for table in source.tables {
            state.tables[String(table.number)] = .init(
                coldKeys: table.rowCount, pushes: table.pushCount)
        }
        state.epoch = source.epoch
    }

    deinit { cold.close() }

    /// Adds a table; throws `tableExists`, or `invalidSchema` for one that no table can have.
    public func createTable(
        named name: String, _ schema: TableSchema
    ) throws(StoreError) -> TableWriter {
        try TableSchema.validate(name: name)
        guard !entries.values.contains(where: { $0.name == name }) else {
            throw .tableExists("table '\(name)' exists")
        }
        guard entries.count < Store.tablesMax else {
            throw .unsupported("a store has at most \(Store.tablesMax) tables")
        }
        defer { nextNumber += 1 }
        return try begin(CatalogEntry(number: nextNumber, name: name, schema: schema))
    }

    /// Empties a table and gives it another schema; what it remembers beside rows stays. Throws
    /// `unknownTable`, or `invalidSchema` for a schema that no table can have.
    public func replaceTable(
        named name: String, _ schema: TableSchema
    ) throws(StoreError) -> TableWriter {
        guard let old = entries.values.first(where: { $0.name == name }) else {
            throw .unknownTable(name)
        }
        try schema.validate()
        try cold.dropTable(old.number)
        return try begin(CatalogEntry(number: old.number, name: name, schema: schema))
    }

    /// Goes on with a table as it is: rows that are written replace those of the same key.
    public func openTable(named name: String) throws(StoreError) -> TableWriter {
        guard let entry = entries.values.first(where: { $0.name == name }) else {
            throw .unknownTable(name)
        }
        return writer(entry, isEmpty: false)
    }

    private func begin(_ entry: CatalogEntry) throws(StoreError) -> TableWriter {
        try entry.schema.validate()
        try cold.createTable(entry.number)
        entries[entry.number] = entry
        changed.insert(entry.number)
        return writer(entry, isEmpty: true)
    }

    private func writer(_ entry: CatalogEntry, isEmpty: Bool) -> TableWriter {
        if let writer = writers[entry.number] { return writer }
        let writer = TableWriter(entry, cold: cold, epoch: state.epoch, isEmpty: isEmpty)
        writers[entry.number] = writer
        return writer
    }

    /// Writes what is left and gives the folder its name: from here on it is a store. Returns bytes
    /// of its files. No call may follow.
    public func finish() throws(StoreError) -> Int {
        try writeRest()
        return try publish()
    }

    /// The same, but first the store is opened and changed as a server changes it: what goes through
    /// the scheme of a table cannot be written row by row.
    ///
    /// Throws what `body` throws, too; then the folder is not there.
    public func finish(
        memoryBytes: Int = 256 << 20, after body: (Store) throws -> Void
    ) throws -> Int {
        try writeRest()
        let hotRows = HotList.path(inFolder: folder.path)
        let kept = hotRows + ".kept"
        let hasHotRows = unsafe rename(hotRows, kept) == 0
        var options = Store.Options(memoryBytes: memoryBytes, durability: .none)
        options.restoresHotRows = false
        options.removesExpiredRows = false
        let store = try Store(path: folder.path, options: options)
        do { try body(store) } catch {
            // It goes away.
            try? store.close()
            throw error
        }
        try store.close()
        // What is in memory here says nothing of what a server will need.
        unsafe unlink(hotRows)
        if hasHotRows, unsafe rename(kept, hotRows) != 0 {
            throw StoreError.file(hotRows, "restore", errno)
        }
        return try publish()
    }

    private func writeRest() throws(StoreError) {
        for (number, writer) in writers {
            let rows = try writer.finish()
            state.tables[String(number), default: .init(coldKeys: 0, pushes: 0)].coldKeys = rows
        }
        var records: [String: [UInt8]?] = [
            CatalogEntry.nextNumberRecord: CatalogEntry.bytes(nextNumber: nextNumber)
        ]
        for number in changed { records[CatalogEntry.record(number)] = entries[number]?.bytes }
        try cold.putCatalog(records)
        try cold.sync()
        let names = try cold.rowFiles().compactMapValues { number in
            number.flatMap { entries[$0]?.name }
        }
        cold.close()
        state.isClean = true
        state.hasLog = false
        state.coldFiles = try ColdFiles(folder: folder.path + "/cold", tables: names)
        try DataDirectory.makeLock(folder.path)
        try DataDirectory.write(state, inFolder: folder.path)
    }

    private func publish() throws(StoreError) -> Int {
        try folder.finish()
        return StoreFiles.byteCount(destination)
    }
}
