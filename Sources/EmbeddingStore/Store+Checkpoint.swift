internal import Foundation
internal import NIOConcurrencyHelpers

extension Store {
    /// Makes a copy of the store, in a folder that must not exist yet, that can be opened as a
    /// store. Blocks, but nobody else for long.
    ///
    /// The copy is the store as it was at one instant: with every push that was acknowledged before
    /// the call, and of those that run meanwhile each wholly or not at all. Files are hard-linked
    /// where the file system allows, so that the cost is that of what has changed since the last
    /// checkpoint or cut of the log. Returns rows and bytes of the copy.
    ///
    /// How: changed rows go to the cold tier while requests go on. Then the cold tier is copied,
    /// and the log since before that is taken up to one instant; replayed over the copy it gives the
    /// state at that instant, because it has everything that the copy may lack, or have too early.
    public func checkpoint(to destination: String) throws(StoreError) -> (rows: Int, bytes: Int) {
        guard let log else { throw .readOnly }
        changes.lock()
        defer { changes.unlock() }
        try checkOpen()
        let folder = try NewFolder(destination)
        try folder.takePermissions(of: path)
        try DataDirectory.makeFolder(DataDirectory.logPath(folder.path))
        try copy(into: folder.path, log)
        let rows = try Self.fold(folder.path, memoryBytes: Self.foldMemoryBytes, clock: clock)
        try HotList.write(tables.map(\.rows), inFolder: folder.path)
        try AdmissionFile.write(tables, inFolder: folder.path)
        try folder.finish()
        return (rows, StoreFiles.byteCount(destination))
    }

    /// Copies the cold tier, and the log from before that copy to one instant after it. `changes` is
    /// held by the caller.
    private func copy(into folder: String, _ log: WriteAheadLog) throws(StoreError) {
        cuts.lock()
        defer { cuts.unlock() }
        // Most of it before anything is recorded: a log that is full meanwhile would hold up writes.
        if durability == .none { try flush() }
        let first = try log.rotate(recording: true)
        defer {
            if durability == .none { endRecording(log) }
        }
        var state = runningState()
        try flush(cutting: log, before: first)
        let (end, coldKeys) = try copyCold(into: folder, log)
        // They are complete, and stay while `cuts` is held.
        for number in first..<end { try copySegment(number, of: log, into: folder) }
        for (number, keys) in coldKeys { state.tables[number]?.coldKeys = keys }
        state.isClean = true
        // Those of the copy are written down when it is closed.
        state.coldFiles = nil
        state.logSegment = first
        state.hasLog = true
        try DataDirectory.write(state, inFolder: folder)
    }

    /// Copies the cold tier, and returns the first segment of the log after the copy and the number
    /// of keys that each table has in it.
    private func copyCold(
        into folder: String, _ log: WriteAheadLog
    ) throws(StoreError) -> (end: UInt64, coldKeys: [String: Int]) {
        coldWrites.lock()
        defer { coldWrites.unlock() }
        try log.settle()
        try cold.checkpoint(to: folder + "/cold")
        return (try log.rotate(), runningState().tables.mapValues(\.coldKeys))
    }

    /// Without durability the log is only written for a checkpoint.
    private func endRecording(_ log: WriteAheadLog) {
        // A log that fails or has no room stays: no push waits for it.
        guard let end = try? log.rotate(recording: false) else { return }
        log.removeSegments(before: end)
    }

    private func copySegment(
        _ number: UInt64, of log: WriteAheadLog, into folder: String
    ) throws(StoreError) {
        let source = LogSegment.path(folder: log.folder, number: number)
        let target = LogSegment.path(folder: DataDirectory.logPath(folder), number: number)
        // Copied, not linked: opening the copy cuts off what is behind the last block.
        try StoreFiles.copyFile(source, to: target)
    }

    /// Replays the log of a copy into its cold tier, so that it can be opened without, and for
    /// reading only. Returns the number of rows.
    @discardableResult
    static func fold(
        _ folder: String, memoryBytes: Int, clock: UnixClock = .system,
        onEvent: (@Sendable (Event) -> Void)? = nil
    ) throws(StoreError) -> Int {
        var options = Options(memoryBytes: memoryBytes, durability: .none)
        options.servesIds = false
        options.restoresHotRows = false
        options.onEvent = onEvent
        options.removesExpiredRows = false
        options.clock = clock
        let copy = try Store(path: folder, options: options)
        let rows = copy.tables.reduce(0) { $0 + $1.count }
        try copy.close()
        return rows
    }

    /// For the rows that change while a checkpoint is being made, or that a log has.
    private static let foldMemoryBytes = 64 << 20
}
