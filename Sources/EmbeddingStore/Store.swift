internal import Foundation
internal import NIOConcurrencyHelpers

/// Tables of embedding rows in two tiers: memory, within a budget, and RocksDB.
///
/// All methods may be called from any thread. Those that say so block on I/O and do not belong on
/// an event loop.
public final class Store: Sendable {
    public let path: String
    public let isReadOnly: Bool
    public let durability: Durability
    /// What the start made of the log that it found.
    public let recovery: RecoveryReport

    let directory: DataDirectory
    /// Says whose rows are in a file that does not say it, should this not be opened again.
    let coldFilesAtStart: ColdFiles?
    let cold: any ColdTier
    let budget: MemoryBudget
    let pinned: PinnedBytes
    let shardCount: Int
    let demoter: Demoter
    let demotesInBackground: Bool
    let sweeper: Sweeper
    let clock: UnixClock
    let tablesBox: NIOLockedValueBox<Tables>
    /// Nil for a store that is only read.
    let log: WriteAheadLog?
    let onEvent: (@Sendable (Event) -> Void)?
    let threads = BackgroundThreads()
    /// One change of the set of tables, or close, at a time. Held across I/O.
    let changes = NIOLock()
    /// Why the last cut of the log failed.
    let cutFailure = NIOLockedValueBox<StoreError?>(nil)
    let hintsWritten = NIOLockedValueBox(ContinuousClock.now)
    /// One cut of the log, or checkpoint, at a time; taken after `changes`. Held across I/O.
    let cuts = NIOLock()
    /// One writer of the cold tier at a time; taken last. Held across I/O.
    let coldWrites = NIOLock()

    struct Tables {
        var byNumber: [UInt32: Table] = [:]
        var byName: [String: Table] = [:]
        var nextNumber: UInt32 = 1
        /// No call may follow but `close` again.
        var isClosed = false
        /// The table of each file of the cold tier, once everything is in them and they are closed.
        var namesOfClosedFiles: [String: String]?
        /// Everything is on disk and the folder is let go of.
        var isReleased = false
        /// The first segment of the log after the last cut.
        var logSegment: UInt64 = 0
    }

    /// Each table reserves address space for twice the memory, and has write buffers on the cold
    /// tier.
    public static let tablesMax = 512
    /// The least memory a hot tier can work with.
    public static let memoryBytesMin = 1 << 20
    /// The least log that can be written while another part of it is cut off.
    public static let logBytesMin = 4 << 20

    /// Opens the store in a folder, or makes one there. Blocks.
    ///
    /// Throws `inUse` when another process has it open, `damaged`, `badDataDirectory`,
    /// `cannotCreate` or `storageFailed`.
    public convenience init(path: String, options: Options) throws(StoreError) {
        guard options.memoryBytes >= Self.memoryBytesMin else {
            throw .unsupported("memory must be at least \(Self.memoryBytesMin >> 20) MiB")
        }
        guard options.logBytesMax >= Self.logBytesMin else {
            throw .unsupported("the log must have at least \(Self.logBytesMin >> 20) MiB")
        }
        let directory = try DataDirectory(path: path, readOnly: options.isReadOnly)
        let (cold, state) = try Self.openCold(in: directory, readOnly: options.isReadOnly)
        try self.init(directory: directory, cold: cold, state: state, options: options)
    }

    /// `state` is what was found; nil: what is there now.
    init(
        directory: DataDirectory, cold: any ColdTier, state: DataDirectory.State? = nil,
        options: Options
    ) throws(StoreError) {
        path = directory.path
        isReadOnly = options.isReadOnly
        durability = options.durability
        onEvent = options.onEvent
        self.directory = directory
        self.cold = cold
        var state = if let state { state } else { try directory.readState() }
        coldFilesAtStart = state.coldFiles
        if isReadOnly, state.hasLog == true {
            throw .badDataDirectory(
                "\(directory.path) was not stopped cleanly; serve it once for writing, so that its log is replayed"
            )
        }
        budget = MemoryBudget(limitBytes: options.memoryBytes, epoch: state.epoch)
        pinned = PinnedBytes(limitBytes: options.memoryBytes / 2)
        shardCount = options.shardCount ?? Self.defaultShardCount(memoryBytes: options.memoryBytes)

        var tables = Tables()
        var entries: [CatalogEntry] = []
        for (record, bytes) in try cold.catalog() {
            if record == CatalogEntry.nextNumberRecord {
                tables.nextNumber = try CatalogEntry.nextNumber(bytes)
            } else {
                entries.append(try CatalogEntry(record: record, bytes: bytes))
            }
        }
        if options.servesIds { try budget.check(entries.map(\.schema)) }
        for entry in entries {
            guard cold.tables.contains(entry.number) else {
                throw .damaged(
                    "\(directory.path): table '\(entry.name)' has no rows' place on disk")
            }
            let known = state.tables[String(entry.number)]
            let rows = try RowStore(
                table: entry.number, schema: entry.schema, shardCount: shardCount, budget: budget,
                cold: cold, coldWrites: coldWrites, pinned: pinned,
                coldKeys: state.isClean ? known?.coldKeys ?? 0 : nil,
                pushes: known?.pushes ?? 0, isReadOnly: options.isReadOnly, clock: options.clock)
            let table = Table(name: entry.name, rows: rows, servesIds: options.servesIds)
            tables.byNumber[entry.number] = table
            tables.byName[entry.name] = table
        }
        let opened = tables
        let tablesBox = NIOLockedValueBox(tables)
        self.tablesBox = tablesBox
        demoter = Demoter(budget: budget) {
            tablesBox.withLockedValue { tables in tables.byNumber.values.map(\.rows) }
        }
        demotesInBackground = options.demotesInBackground
        sweeper = Sweeper { tablesBox.withLockedValue(\.all) }
        clock = options.clock
        guard !isReadOnly else {
            recovery = RecoveryReport()
            log = nil
            if !state.isClean {
                for table in opened.all {
                    try table.recount(
                        coldKeys: cold.keyCount(table: table.number), options.onEvent)
                }
            }
            try restoreAdmission(state)
            startThreads(options)
            return
        }
        // A table whose making or dropping was cut short.
        for orphan in cold.tables where opened.byNumber[orphan] == nil {
            try cold.dropTable(orphan)
        }
        // What recovery writes there counts as what is written later: a cut relies on it.
        if durability != .none { cold.keepWrites(synced: durability == .synced) }
        let onEvent = options.onEvent
        let reading = Recovery(
            folder: directory.logPath, acceptsDamage: options.acceptsDamagedLog,
            progress: { done, all in onEvent?(.recovering(bytes: done, of: all)) })
        let recovered = try Self.recover(
            opened, cold, demoter, directory, &state, reading, onEvent)
        recovery = recovered.report
        let found = state

        state.isClean = false
        state.logSegment = recovered.segments.first?.number ?? recovered.nextSegment
        state.hasLog = !recovered.segments.isEmpty
        state.tables = Dictionary(
            uniqueKeysWithValues: opened.all.map { (String($0.number), $0.rows.state) })
        try directory.writeState(state)
        let log = try WriteAheadLog(
            folder: directory.logPath,
            options: .init(durability: options.durability, bytesMax: options.logBytesMax),
            older: recovered.segments, nextSegment: recovered.nextSegment,
            nextBlock: recovered.nextBlock)
        self.log = log
        if durability != .none, state.hasLog != true {
            // From here on it would be missed.
            state.hasLog = true
            try directory.writeState(state)
        }
        let firstSegment = state.logSegment ?? recovered.nextSegment
        tablesBox.withLockedValue { $0.logSegment = firstSegment }
        for table in opened.all { table.rows.start(log) }
        if durability == .none, !recovered.segments.isEmpty {
            // What follows is in no log, and must not be undone by replaying this one again.
            for table in opened.all { try table.rows.flush() }
            try cold.sync()
            tablesBox.withLockedValue { $0.logSegment = recovered.nextSegment }
            try directory.writeState(runningState())
            log.removeSegments(before: recovered.nextSegment)
        }
        try restoreAdmission(found)
        startThreads(options)
    }

    /// Moves rows to disk as the background thread does, for a store that was opened without it.
    /// Blocks.
    public func demote() throws(StoreError) {
        precondition(!demotesInBackground, "the background thread demotes")
        while budget.usedBytes > budget.lowBytes, try demoter.demote() > 0 {}
    }

    /// The same, if so many bytes more would reach the mark from which on the background thread does
    /// it.
    package func demote(unlessRoomFor bytes: Int) throws(StoreError) {
        if budget.usedBytes + bytes >= budget.highBytes { try demote() }
    }

    public func statistics() -> StoreStatistics {
        budget.announcements.endOverdue(now: clock.now())
        return StoreStatistics(
            memoryLimitBytes: budget.limitBytes, hotBytes: budget.usedBytes,
            diskFailure: log?.currentFailure ?? budget.demotionFailure
                ?? cutFailure.withLockedValue { $0 },
            tables: tables.map { $0.statistics() })
    }
}

extension Store.Tables {
    var all: [Table] { Array(byNumber.values) }
}
