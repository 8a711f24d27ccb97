internal import Foundation
internal import NIOConcurrencyHelpers

extension Store {
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

    /// Replays the log into the tables and makes their counts true.
    static func recover(
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

    func startThreads(_ options: Options) {
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

    static func defaultShardCount(memoryBytes: Int) -> Int {
        // Enough that threads seldom meet, few enough that a shard's part of the memory is worth
        // its overhead.
        let byCores = 8 * ProcessInfo.processInfo.activeProcessorCount
        let byMemory = memoryBytes >> 20
        // A shard holds 2^24 rows at most, and the smallest take 16 bytes.
        let byRows = memoryBytes / (16 << 24) + 1
        let wanted = max(4, byRows, min(256, byCores, byMemory))
        return 1 << (Int.bitWidth - 1 - wanted.leadingZeroBitCount)
    }
}
