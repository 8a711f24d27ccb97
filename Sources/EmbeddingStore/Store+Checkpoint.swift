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
        guard destination.hasPrefix("/") else {
            throw .cannotCreate("'\(destination)' is not an absolute path")
        }
        changes.lock()
        defer { changes.unlock() }
        try checkOpen()
        if FileManager.default.fileExists(atPath: destination) {
            throw .cannotCreate("\(destination) exists")
        }
        // Under a name of its own until it is whole, so that what is interrupted does not look like
        // a checkpoint, and nothing is removed that was not made here.
        let partial = "\(destination).partial-\(getpid())-\(UInt32.random(in: .min ... .max))"
        do {
            try FileManager.default.createDirectory(
                atPath: DataDirectory.logPath(partial), withIntermediateDirectories: true)
        } catch {
            throw .cannotCreate("cannot create \(partial): \(error.localizedDescription)")
        }
        do throws(StoreError) {
            try copy(into: partial, log)
            let rows = try fold(partial)
            try HotList.write(tables.map(\.rows), inFolder: partial)
            try AdmissionFile.write(tables, inFolder: partial)
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

    /// Copies the cold tier, and the log from before that copy to one instant after it. `changes` is
    /// held by the caller.
    private func copy(into folder: String, _ log: WriteAheadLog) throws(StoreError) {
        cuts.lock()
        defer { cuts.unlock() }
        let first = try log.rotate(recording: true)
        defer {
            if durability == .none { endRecording(log) }
        }
        var state = runningState()
        try flush(cutting: log, before: first)
        coldWrites.lock()
        defer { coldWrites.unlock() }
        try log.settle()
        try cold.checkpoint(to: folder + "/cold")
        // Nobody writes to the cold tier until this returns, so its counts are those of the copy.
        let end = try log.rotate()
        for number in first..<end { try copySegment(number, of: log, into: folder) }
        let now = runningState()
        for (number, table) in now.tables { state.tables[number]?.coldKeys = table.coldKeys }
        state.isClean = true
        // Those of the copy are written down when it is closed.
        state.coldFiles = nil
        state.logSegment = first
        state.hasLog = true
        try DataDirectory.write(state, inFolder: folder)
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
        do {
            try FileManager.default.copyItem(atPath: source, toPath: target)
        } catch {
            throw .storageFailed("cannot copy \(source): \(error.localizedDescription)")
        }
    }

    /// Replays the log of a copy into its cold tier, so that it can be opened without, and for
    /// reading only. Returns the number of rows.
    private func fold(_ folder: String) throws(StoreError) -> Int {
        let counting = tables.reduce(0) { $0 + $1.countingBytes }
        var options = Options(
            memoryBytes: Self.foldMemoryBytes + 2 * counting, durability: .none)
        options.restoresHotRows = false
        options.removesExpiredRows = false
        options.clock = clock
        let copy = try Store(path: folder, options: options)
        let rows = copy.tables.reduce(0) { $0 + $1.count }
        try copy.close()
        return rows
    }

    /// For the rows that change while a checkpoint is being made.
    private static let foldMemoryBytes = 64 << 20

    private static func byteCount(folder: String) -> Int {
        guard let files = FileManager.default.enumerator(atPath: folder) else { return 0 }
        var bytes = 0
        while files.nextObject() != nil {
            bytes += (files.fileAttributes?[.size] as? NSNumber)?.intValue ?? 0
        }
        return bytes
    }
}
