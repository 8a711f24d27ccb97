internal import Foundation
internal import NIOConcurrencyHelpers

/// Tables of embedding rows in two tiers: memory, within a budget, and RocksDB.
///
/// All methods may be called from any thread. Those that say so block on I/O and do not belong on
/// an event loop.
public final class Store: Sendable {
    public struct Options: Sendable {
        /// Bytes that rows, optimizer state and index of all tables may take in memory.
        public var memoryBytes: Int
        /// Serve what is there and change nothing on disk.
        public var isReadOnly: Bool
        /// Parts of a table's hot tier that are locked apart, a power of two; nil to choose by
        /// cores and memory.
        public var shardCount: Int?
        /// Whether a thread moves rows to disk when memory runs high. Without it the caller calls
        /// `demote()`.
        public var demotesInBackground = true

        public init(memoryBytes: Int, isReadOnly: Bool = false, shardCount: Int? = nil) {
            self.memoryBytes = memoryBytes
            self.isReadOnly = isReadOnly
            self.shardCount = shardCount
        }
    }

    public let path: String
    public let isReadOnly: Bool

    private let directory: DataDirectory
    private let cold: any ColdTier
    private let budget: MemoryBudget
    private let pinned: PinnedBytes
    private let shardCount: Int
    private let demoter: Demoter
    private let demotesInBackground: Bool
    private let tablesBox: NIOLockedValueBox<Tables>
    /// One change of the set of tables, or close, at a time. Held across I/O.
    private let changes = NIOLock()
    /// One writer of the cold tier at a time. Held across I/O.
    private let coldWrites = NIOLock()

    private struct Tables {
        var byNumber: [UInt32: Table] = [:]
        var byName: [String: Table] = [:]
        var nextNumber: UInt32 = 1
        /// No call may follow but `close` again.
        var isClosed = false
        /// Everything is on disk and the folder is let go of.
        var isReleased = false
    }

    /// Each table reserves address space for twice the memory, and has write buffers on the cold
    /// tier.
    public static let tablesMax = 512
    /// The least memory a hot tier can work with.
    public static let memoryBytesMin = 1 << 20

    /// Opens the store in a folder, or makes one there. Blocks.
    ///
    /// Throws `inUse` when another process has it open, `damaged`, `badDataDirectory`,
    /// `cannotCreate` or `storageFailed`.
    public convenience init(path: String, options: Options) throws(StoreError) {
        guard options.memoryBytes >= Self.memoryBytesMin else {
            throw .unsupported("memory must be at least \(Self.memoryBytesMin >> 20) MiB")
        }
        let directory = try DataDirectory(path: path, readOnly: options.isReadOnly)
        let cold = try RocksDBColdTier(
            path: directory.coldPath, readOnly: options.isReadOnly,
            mayCreate: try directory.readState().isEmpty)
        try self.init(directory: directory, cold: cold, options: options)
    }

    init(directory: DataDirectory, cold: any ColdTier, options: Options) throws(StoreError) {
        path = directory.path
        isReadOnly = options.isReadOnly
        self.directory = directory
        self.cold = cold
        var state = try directory.readState()
        budget = MemoryBudget(limitBytes: options.memoryBytes, epoch: state.epoch)
        pinned = PinnedBytes(limitBytes: options.memoryBytes / 2)
        shardCount = options.shardCount ?? Self.defaultShardCount(memoryBytes: options.memoryBytes)

        var tables = Tables()
        for (record, bytes) in try cold.catalog() {
            if record == CatalogEntry.nextNumberRecord {
                tables.nextNumber = try CatalogEntry.nextNumber(bytes)
                continue
            }
            let entry = try CatalogEntry(record: record, bytes: bytes)
            guard cold.tables.contains(entry.number) else {
                throw .damaged(
                    "\(directory.path): table '\(entry.name)' has no rows' place on disk")
            }
            let known = state.tables[String(entry.number)]
            let coldKeys: Int
            if state.isClean, let known {
                coldKeys = known.coldKeys
            } else {
                coldKeys = try cold.countKeys(table: entry.number)
            }
            let rows = RowStore(
                table: entry.number, schema: entry.schema, shardCount: shardCount, budget: budget,
                cold: cold, coldWrites: coldWrites, pinned: pinned, coldKeys: coldKeys,
                pushes: known?.pushes ?? 0, isReadOnly: options.isReadOnly)
            let table = Table(name: entry.name, rows: rows)
            tables.byNumber[entry.number] = table
            tables.byName[entry.name] = table
        }
        let tablesBox = NIOLockedValueBox(tables)
        self.tablesBox = tablesBox
        demoter = Demoter(budget: budget) {
            tablesBox.withLockedValue { tables in tables.byNumber.values.map(\.rows) }
        }
        demotesInBackground = options.demotesInBackground
        if !isReadOnly {
            // A table whose making or dropping was cut short.
            for orphan in cold.tables where tables.byNumber[orphan] == nil {
                try cold.dropTable(orphan)
            }
            state.isClean = false
            state.tables = state.tables.filter { UInt32($0.key).map { tables.byNumber[$0] } != nil }
            try directory.writeState(state)
        }
        if demotesInBackground { demoter.start() }
    }

    private static func defaultShardCount(memoryBytes: Int) -> Int {
        // Enough that threads seldom meet, few enough that a shard's part of the memory is worth
        // its overhead.
        let byCores = 8 * ProcessInfo.processInfo.activeProcessorCount
        let byMemory = memoryBytes >> 20
        // A shard holds 2^24 rows at most, and the smallest take 16 bytes.
        let byRows = memoryBytes / (16 << 24) + 1
        let wanted = max(4, byRows, min(256, byCores, byMemory))
        return 1 << (Int.bitWidth - 1 - wanted.leadingZeroBitCount)
    }

    // MARK: tables

    /// The table with this name; throws `unknownTable`.
    public func table(named name: String) throws(StoreError) -> Table {
        guard let table = tablesBox.withLockedValue({ $0.byName[name] }) else {
            throw .unknownTable(name)
        }
        return table
    }

    /// The table with this number, nil when there is none.
    public func table(number: UInt32) -> Table? {
        tablesBox.withLockedValue { $0.byNumber[number] }
    }

    /// All tables, by name.
    public var tables: [Table] {
        tablesBox.withLockedValue { $0.byName.values.sorted { $0.name < $1.name } }
    }

    /// Makes a table. Blocks.
    ///
    /// Throws `tableExists` when there is one of that name, unless `opensExisting` and it has the
    /// same schema; and `invalidSchema`, `unsupported`, `readOnly` or `storageFailed`.
    public func createTable(
        named name: String, _ schema: TableSchema, opensExisting: Bool = false
    ) throws(StoreError) -> Table {
        try TableSchema.validate(name: name)
        try schema.validate()
        changes.lock()
        defer { changes.unlock() }
        let tables = tablesBox.withLockedValue { $0 }
        if tables.isClosed { throw .closed }
        if let existing = tables.byName[name] {
            guard opensExisting else { throw .tableExists("table '\(name)' exists") }
            guard existing.schema == schema else {
                throw .tableExists("table '\(name)' exists with another schema")
            }
            return existing
        }
        if isReadOnly { throw .readOnly }
        guard tables.byNumber.count < Self.tablesMax else {
            throw .unsupported("a store has at most \(Self.tablesMax) tables")
        }
        let number = tables.nextNumber
        // Taken even if what follows fails: a place that was made under it stays until the store is
        // opened again.
        tablesBox.withLockedValue { $0.nextNumber = number + 1 }
        try cold.createTable(number)
        let entry = CatalogEntry(number: number, name: name, schema: schema)
        let rows = RowStore(
            table: number, schema: schema, shardCount: shardCount, budget: budget, cold: cold,
            coldWrites: coldWrites, pinned: pinned, coldKeys: 0, pushes: 0, isReadOnly: false)
        // A number is never given twice, or what is remembered of a dropped table would be another's.
        try cold.putCatalog([
            entry.record: entry.bytes,
            CatalogEntry.nextNumberRecord: CatalogEntry.bytes(nextNumber: number + 1),
        ])
        let table = Table(name: name, rows: rows)
        tablesBox.withLockedValue {
            $0.byNumber[number] = table
            $0.byName[name] = table
        }
        return table
    }

    /// Drops a table and its rows. Requests that already have it finish. Blocks.
    public func dropTable(_ table: Table) throws(StoreError) {
        changes.lock()
        defer { changes.unlock() }
        if isReadOnly { throw .readOnly }
        guard tablesBox.withLockedValue({ $0.byNumber[table.number] }) != nil else {
            throw .unknownTable(table.name)
        }
        coldWrites.lock()
        defer { coldWrites.unlock() }
        try cold.putCatalog([CatalogEntry.record(table.number): nil])
        tablesBox.withLockedValue {
            $0.byNumber[table.number] = nil
            $0.byName[table.name] = nil
        }
        try cold.dropTable(table.number)
    }

    // MARK: the whole

    /// Moves rows to disk as the background thread does, for a store that was opened without it.
    /// Blocks.
    public func demote() throws(StoreError) {
        precondition(!demotesInBackground, "the background thread demotes")
        while budget.usedBytes > budget.lowBytes, try demoter.demote() > 0 {}
    }

    public func statistics() -> StoreStatistics {
        StoreStatistics(
            memoryLimitBytes: budget.limitBytes, hotBytes: budget.usedBytes,
            tables: tables.map { $0.statistics() })
    }

    /// Makes a copy of the store, in a folder that must not exist yet, that can be opened as a
    /// store. Blocks.
    ///
    /// Every push that was acknowledged before the call is in it; of those that run meanwhile each
    /// row is in it before or after the push. Files are hard-linked where the file system allows.
    /// Returns rows and bytes of the copy.
    public func checkpoint(to destination: String) throws(StoreError) -> (rows: Int, bytes: Int) {
        if isReadOnly { throw .readOnly }
        guard destination.hasPrefix("/") else {
            throw .cannotCreate("'\(destination)' is not an absolute path")
        }
        changes.lock()
        defer { changes.unlock() }
        if tablesBox.withLockedValue({ $0.isClosed }) { throw .closed }
        if FileManager.default.fileExists(atPath: destination) {
            throw .cannotCreate("\(destination) exists")
        }
        // Under a name of its own until it is whole, so that what is interrupted does not look like
        // a checkpoint, and nothing is removed that was not made here.
        let partial = "\(destination).partial-\(getpid())-\(UInt32.random(in: .min ... .max))"
        do {
            try FileManager.default.createDirectory(
                atPath: partial, withIntermediateDirectories: true)
        } catch {
            throw .cannotCreate("cannot create \(partial): \(error.localizedDescription)")
        }
        do throws(StoreError) {
            let rows = try writeCheckpoint(into: partial)
            guard unsafe rename(partial, destination) == 0 else {
                throw .cannotCreate(
                    unsafe "cannot create \(destination): \(String(cString: strerror(errno)))")
            }
            try DataDirectory.syncFile((destination as NSString).deletingLastPathComponent)
            return (rows, Self.byteCount(folder: destination))
        } catch {
            // What cannot be removed has a name that says what it is.
            try? FileManager.default.removeItem(atPath: partial)
            throw error
        }
    }

    /// `changes` is held by the caller.
    private func writeCheckpoint(into folder: String) throws(StoreError) -> Int {
        let tables = tables
        // Most of it while demotions and deletes have their turns in between; then what has changed
        // since, and the copy.
        for table in tables { try table.rows.flush(betweenOthers: true) }
        coldWrites.lock()
        defer { coldWrites.unlock() }
        for table in tables { try table.rows.flush() }
        try cold.checkpoint(to: folder + "/cold")
        let state = cleanState(tables)
        try DataDirectory.write(state, inFolder: folder)
        return state.tables.values.reduce(0) { $0 + $1.coldKeys }
    }

    private func cleanState(_ tables: [Table]) -> DataDirectory.State {
        DataDirectory.State(
            isClean: true, epoch: budget.epoch,
            tables: Dictionary(
                uniqueKeysWithValues: tables.map { (String($0.number), $0.rows.state) }))
    }

    private static func byteCount(folder: String) -> Int {
        guard let files = FileManager.default.enumerator(atPath: folder) else { return 0 }
        var bytes = 0
        while files.nextObject() != nil {
            bytes += (files.fileAttributes?[.size] as? NSNumber)?.intValue ?? 0
        }
        return bytes
    }

    /// Writes what is only in memory to disk and lets go of the folder. Blocks. No other call may
    /// be under way or follow; but when this one throws nothing is lost yet, and it may be tried
    /// again.
    public func close() throws(StoreError) {
        changes.lock()
        defer { changes.unlock() }
        let before = tablesBox.withLockedValue { tables in
            defer { tables.isClosed = true }
            return tables
        }
        if before.isReleased { return }
        if !before.isClosed {
            if demotesInBackground { demoter.stop() } else { budget.stop() }
        }
        coldWrites.lock()
        defer { coldWrites.unlock() }
        if !isReadOnly {
            let tables = Array(before.byNumber.values)
            for table in tables { try table.rows.flush() }
            try cold.sync()
            try directory.writeState(cleanState(tables))
        }
        cold.close()
        directory.release()
        tablesBox.withLockedValue { $0.isReleased = true }
    }
}
