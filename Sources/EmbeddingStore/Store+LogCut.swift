internal import NIOConcurrencyHelpers

extension Store {
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
    func writeHints(stop: UInt64 = 0) {
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
}
