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
        /// What an acknowledged write survives.
        public var durability: Durability
        /// Bytes that the write-ahead log may take on disk, about. Twice as many let rows be written
        /// to the cold tier half as often, and take twice as long to replay.
        public var logBytesMax = 1 << 30
        /// Whether to open a store whose log is damaged before its end with the part before the
        /// damage; the rest is put aside.
        public var acceptsDamagedLog = false
        /// Whether rows that were in memory at the last stop are brought back there.
        public var restoresHotRows = true
        /// Whether a thread removes rows that have outlived their table's time to live. Without it
        /// they are as if they were not there, but take room until `Table.shrink` removes them.
        public var removesExpiredRows = true
        /// Whether ids can be asked for; else there are only rows by key, as they are enough to fold a
        /// log into them, and neither counters nor networks take memory.
        var servesIds = true
        /// What time it is, for the rows of tables with a time to live.
        public var clock = UnixClock.system
        /// Told of what happens apart from any request; called on any thread.
        public var onEvent: (@Sendable (Event) -> Void)?

        public init(
            memoryBytes: Int, isReadOnly: Bool = false, shardCount: Int? = nil,
            durability: Durability = .buffered
        ) {
            self.memoryBytes = memoryBytes
            self.isReadOnly = isReadOnly
            self.shardCount = shardCount
            self.durability = durability
        }
    }

    /// What a store does apart from any request.
    public enum Event: Sendable {
        /// The log is being replayed: bytes done, and in all.
        case recovering(bytes: Int, of: Int)
        /// It is found out which rows have a copy on disk: rows looked at so far, and in all where
        /// that is known.
        case counting(table: String, rows: Int, of: Int?)
        /// Rows that were in memory before the start are there again.
        case restored(rows: Int, seconds: Double)
        /// Rows were written to the cold tier, and the log behind them was cut.
        case logCut(seconds: Double)
        /// That failed, and will be tried again.
        case logCutFailed(StoreError)
    }

    public let path: String
    public let isReadOnly: Bool
    public let durability: Durability
    /// What the start made of the log that it found.
    public let recovery: RecoveryReport

    private let directory: DataDirectory
    /// Says whose rows are in a file that does not say it, should this not be opened again.
    private let coldFilesAtStart: ColdFiles?
    let cold: any ColdTier
    let budget: MemoryBudget
    private let pinned: PinnedBytes
    private let shardCount: Int
    private let demoter: Demoter
    private let demotesInBackground: Bool
    private let sweeper: Sweeper
    let clock: UnixClock
    private let tablesBox: NIOLockedValueBox<Tables>
    /// Nil for a store that is only read.
    let log: WriteAheadLog?
    private let onEvent: (@Sendable (Event) -> Void)?
    private let threads = BackgroundThreads()
    /// One change of the set of tables, or close, at a time. Held across I/O.
    let changes = NIOLock()
    /// Why the last cut of the log failed.
    private let cutFailure = NIOLockedValueBox<StoreError?>(nil)
    private let hintsWritten = NIOLockedValueBox(ContinuousClock.now)
    /// One cut of the log, or checkpoint, at a time; taken after `changes`. Held across I/O.
    let cuts = NIOLock()
    /// One writer of the cold tier at a time; taken last. Held across I/O.
    let coldWrites = NIOLock()

    fileprivate struct Tables {
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

    /// Opens the cold tier, if its files are those that the last clean stop left. Throws `damaged`
    /// with the file and, where it is known, the table. Returns the state that was found, too.
    static func openCold(
        in directory: DataDirectory, readOnly: Bool
    ) throws(StoreError) -> (RocksDBColdTier, DataDirectory.State) {
        let state = try directory.readState()
        if state.isClean, let files = state.coldFiles {
            let differences = files.differences(in: directory.coldPath)
            if let first = differences.first {
                let others = differences.count - 1
                throw .damaged(
                    first.description + (others > 0 ? ", and \(others) more files differ" : ""))
            }
        }
        if !readOnly, state.coldFiles != nil {
            // Opening changes them, and this may be killed before it has said so.
            var opened = state
            opened.coldFiles = nil
            try directory.writeState(opened)
        }
        do throws(StoreError) {
            let cold = try RocksDBColdTier(
                path: directory.coldPath, readOnly: readOnly, mayCreate: state.isEmpty)
            return (cold, state)
        } catch {
            guard case .damaged = error else { throw error }
            // RocksDB does not always say which file it could not open, and never whose rows it has.
            let culprit = RowFile.firstThatDoesNotOpen(in: directory.coldPath)
            let file = culprit?.name ?? ColdFiles.file(in: "\(error)")
            let table = file.flatMap { state.coldFiles?.files[$0]?.table }
            let named = culprit?.error ?? error
            throw table.map(named.inTable) ?? named
        }
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

    /// Replays the log into the tables and makes their counts true.
    private static func recover(
        _ tables: Tables, _ cold: any ColdTier, _ demoter: Demoter, _ directory: DataDirectory,
        _ state: inout DataDirectory.State, _ recovery: Recovery,
        _ onEvent: (@Sendable (Event) -> Void)?
    ) throws(StoreError) -> Recovery.Result {
        var hasDemoted = false
        var deleted: [UInt32: Set<UInt64>] = [:]
        let result = try recovery.run(
            first: state.logSegment ?? 1, isExpected: state.hasLog == true
        ) { (entry, section) throws(StoreError) in
            // Of a table that has been dropped since nothing is wanted.
            guard let table = tables.byNumber[entry.table] else { return }
            table.rows.becomeUncounted()
            try table.rows.replay(
                entry, section, deleted: &deleted[entry.table, default: []],
                trustsDisk: state.isRewritten != true
            ) { () throws(StoreError) in
                hasDemoted = true
                if state.isRewritten != true {
                    // Before anything is: another crash would find it.
                    state.isRewritten = true
                    try directory.writeState(state)
                }
                // As they are: replayed again after another crash they must come out the same.
                while try demoter.demote(exactly: true) > 0 {}
            }
        }
        if result.report.entries == 0, state.isClean { return result }
        for table in tables.all {
            let atStop = state.tables[String(table.number)]?.coldKeys
            let known =
                state.isClean && !hasDemoted ? atStop : try cold.keyCount(table: table.number)
            try table.recount(coldKeys: known, onEvent)
        }
        for (number, keys) in deleted {
            try tables.byNumber[number]?.rows.finishReplay(deleted: keys)
        }
        return result
    }

    private func startThreads(_ options: Options) {
        if demotesInBackground { demoter.start() }
        if options.removesExpiredRows, !isReadOnly { sweeper.start() }
        if let log, durability != .none {
            threads.start("log cutter") { [weak self] in
                while log.waitUntilLarge() {
                    guard let self else { return }
                    do throws(StoreError) {
                        let started = ContinuousClock.now
                        try self.cutLog()
                        self.cutFailure.withLockedValue { $0 = nil }
                        self.onEvent?(.logCut(seconds: started.duration(to: .now) / .seconds(1)))
                    } catch {
                        if error == .closed { return }
                        self.cutFailure.withLockedValue { $0 = error }
                        self.onEvent?(.logCutFailed(error))
                        // The disk is full or failing: not as fast as the processor can.
                        Thread.sleep(forTimeInterval: 0.5)
                    }
                }
            }
        }
        if options.restoresHotRows, demotesInBackground {
            threads.start("restorer") { [weak self] in self?.restoreHotRows() }
        }
    }

    private func restoreHotRows() {
        let started = ContinuousClock.now
        let list = HotList(inFolder: path)
        var restored = 0
        for table in tables {
            guard let rows = list.tables[table.number] else { continue }
            // A hint is no reason to fail: what cannot be read now, its reader will hear of.
            restored +=
                (try? table.rows.restore(rows) { [threads] in !threads.isStopping }) ?? 0
        }
        if !list.tables.isEmpty, !threads.isStopping {
            onEvent?(.restored(rows: restored, seconds: started.duration(to: .now) / .seconds(1)))
        }
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
    /// same schema; `readOnly` when it would have to be made and not `mayCreate`; and
    /// `invalidSchema`, `unsupported` or `storageFailed`.
    public func createTable(
        named name: String, _ schema: TableSchema, opensExisting: Bool = false,
        mayCreate: Bool = true
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
        if isReadOnly || !mayCreate { throw .readOnly }
        guard tables.byNumber.count < Self.tablesMax else {
            throw .unsupported("a store has at most \(Self.tablesMax) tables")
        }
        try budget.check(tables.all.map(\.schema) + [schema])
        let number = tables.nextNumber
        // Taken even if what follows fails: a number is never given twice, or what is remembered of
        // one table would be another's.
        tablesBox.withLockedValue { $0.nextNumber = number + 1 }
        let rows = try RowStore(
            table: number, schema: schema, shardCount: shardCount, budget: budget, cold: cold,
            coldWrites: coldWrites, pinned: pinned, coldKeys: 0, pushes: 0, isReadOnly: false,
            clock: clock)
        if let log { rows.start(log) }
        let table = Table(name: name, rows: rows)
        try cold.createTable(number)
        let entry = CatalogEntry(number: number, name: name, schema: schema)
        do throws(StoreError) {
            try cold.putCatalog([
                entry.record: entry.bytes,
                CatalogEntry.nextNumberRecord: CatalogEntry.bytes(nextNumber: number + 1),
            ])
        } catch {
            // Should that fail too, it goes when the store is opened the next time.
            try? cold.dropTable(number)
            throw error
        }
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
            diskFailure: log?.currentFailure ?? budget.demotionFailure
                ?? cutFailure.withLockedValue { $0 },
            tables: tables.map { $0.statistics() })
    }

    /// Of a log that rows are noted in again, at most so large a part is theirs: a cut frees twice
    /// that.
    private static let notedAgainShare = 4

    /// Writes what has changed to where it survives without what the log says of it up to here, which
    /// is then removed. Blocks.
    ///
    /// Where that is little against the log, it is noted there once more: rows that are trained again
    /// and again are seldom worth sorting and merging. Otherwise it goes to the cold tier.
    func cutLog() throws(StoreError) {
        guard let log else { return }
        cuts.lock()
        defer { cuts.unlock() }
        try checkOpen()
        let segment = log.activeSegment
        if try noteAgain(in: log) {
            try cut(log, before: segment)
        } else {
            try flush(cutting: log, before: segment)
        }
        if hintsWritten.withLockedValue({ $0.duration(to: .now) }) > Self.hintsInterval {
            writeHints()
        }
    }

    /// Returns false when that would be too much, or the log has no room.
    private func noteAgain(in log: WriteAheadLog) throws(StoreError) -> Bool {
        let tables = tables
        let bytes = tables.reduce(0) { $0 + $1.rows.aheadBytes }
        guard bytes <= log.options.bytesMax / Self.notedAgainShare else { return false }
        do throws(StoreError) {
            for table in tables { try table.rows.noteAgain(in: log) }
            return true
        } catch {
            switch error {
            // What the log has no room for, the cold tier may have.
            case .overloaded, .storageFull: return false
            default: throw error
            }
        }
    }

    /// It is needed after a crash only, when an older one does as well.
    private static let hintsInterval = Duration.seconds(180)

    /// Writes what a start can do without; `stop` as `saveAdmission` has it.
    private func writeHints(stop: UInt64 = 0) {
        // A hint is no reason to fail.
        try? HotList.write(tables.map(\.rows), inFolder: path)
        hintsWritten.withLockedValue { $0 = .now }
        saveAdmission(stop: stop)
    }

    /// Writes every row that has changed to the cold tier, where it survives, and removes the
    /// segments before `segment`: what they say had been applied before the call. `cuts` is held by
    /// the caller.
    func flush(cutting log: WriteAheadLog, before segment: UInt64) throws(StoreError) {
        try flush()
        try cut(log, before: segment)
    }

    private func cut(_ log: WriteAheadLog, before segment: UInt64) throws(StoreError) {
        tablesBox.withLockedValue { $0.logSegment = segment }
        let state = runningState()
        // It counts pushes, which the log must know as well.
        try log.settle()
        try directory.writeState(state)
        log.removeSegments(before: segment)
    }

    func flush() throws(StoreError) {
        for table in tables { try table.rows.flush() }
        try cold.sync()
    }

    func checkOpen() throws(StoreError) {
        if tablesBox.withLockedValue({ $0.isClosed }) { throw .closed }
    }

    /// What `STORE` says of the store as it is: the cold tier changes all the time.
    func runningState() -> DataDirectory.State {
        let (tables, segment) = tablesBox.withLockedValue {
            (Array($0.byNumber.values), $0.logSegment)
        }
        return DataDirectory.State(
            isClean: false, logSegment: segment, hasLog: durability != .none, epoch: budget.epoch,
            tables: Dictionary(
                uniqueKeysWithValues: tables.map { (String($0.number), $0.rows.state) }),
            coldFiles: coldFilesAtStart)
    }

    /// The table of each file of rows.
    private func tableNamesOfColdFiles() throws(StoreError) -> [String: String] {
        let names = Dictionary(uniqueKeysWithValues: tables.map { ($0.number, $0.name) })
        return try cold.rowFiles().compactMapValues { $0.flatMap { names[$0] } }
    }

    /// Writes what is only in memory to disk and lets go of the folder. Blocks. No other call may
    /// be under way or follow; but when this one throws nothing is lost yet, and it may be tried
    /// again.
    public func close() throws(StoreError) {
        let wasClosed = tablesBox.withLockedValue { tables in
            defer { tables.isClosed = true }
            return tables.isClosed
        }
        if !wasClosed {
            threads.stop()
            // It must not meet a log that has ended.
            sweeper.stop()
        }
        changes.lock()
        defer { changes.unlock() }
        if tablesBox.withLockedValue({ $0.isReleased }) { return }
        if !wasClosed {
            if demotesInBackground { demoter.stop() } else { budget.stop() }
        }
        if let log {
            let names: [String: String]
            if let known = tablesBox.withLockedValue({ $0.namesOfClosedFiles }) {
                names = known
            } else {
                names = try closeFiles(log)
            }
            var state = runningState()
            state.isClean = true
            state.logSegment = log.endSegment
            state.hasLog = false
            state.coldFiles = try ColdFiles(folder: directory.coldPath, tables: names)
            try directory.writeState(state)
            log.removeAllSegments()
        } else {
            threads.join()
            cold.close()
        }
        directory.release()
        tablesBox.withLockedValue { $0.isReleased = true }
    }

    /// Writes everything to files of the cold tier and closes them, so that nothing changes them any
    /// more; returns the table of each.
    private func closeFiles(_ log: WriteAheadLog) throws(StoreError) -> [String: String] {
        let names = try stop(log)
        // A cut of the log that waited for the lock finds the store closed, and ends.
        threads.join()
        cold.close()
        tablesBox.withLockedValue { $0.namesOfClosedFiles = names }
        return names
    }

    private func stop(_ log: WriteAheadLog) throws(StoreError) -> [String: String] {
        cuts.lock()
        defer { cuts.unlock() }
        try flush()
        log.stop()
        writeHints(stop: log.endSegment)
        return try tableNamesOfColdFiles()
    }
}

extension Store.Tables {
    var all: [Table] { Array(byNumber.values) }
}
