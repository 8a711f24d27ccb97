internal import Foundation
internal import NIOConcurrencyHelpers
import Synchronization

/// The log of what is done to rows: applied in memory first, and acknowledged once it is here.
///
/// Whoever changes rows is *inside* from its first change until its entry is handed over. The
/// log's thread takes the entries when nobody is inside, writes them as one block, and tells those
/// who wait. So a block holds whole requests only, and every effect that one request may have seen
/// of another is in the same block or an earlier one: what survives is always a state that the
/// store has been in. Requests that come while a block is being written share the next, and its
/// flush of the device.
///
/// Files are segments of the log; see `LogFormat`. Space for the next one is taken before it is
/// needed, so that a full disk refuses writes before they are applied. Files that are needed no more
/// become the next ones.
final class WriteAheadLog: @unchecked Sendable {  // plain properties are guarded by `condition`
    struct Options: Sendable {
        var durability: Durability
        /// Bytes that the files of the log may take together.
        var bytesMax: Int

        /// Many segments, so that little is kept longer than it must be; a few large ones would
        /// cost no less.
        var segmentBytes: Int {
            max(256 << 10, min(16 << 20, bytesMax / 8)).roundedUp(toMultipleOf: 4096)
        }
        /// The most that one write may take.
        var entryBytesMax: Int { bytesMax / 4 }
    }

    let folder: String
    let options: Options

    private let condition = NSCondition()
    /// Requests that are between `enter` and `leave`, and what they may add to the next block.
    private var insideCount = 0
    private var reservedBytes = 0
    /// The thread waits for those inside to leave; nobody enters meanwhile.
    private var isTaking = false
    private var threadWaits = false
    /// Whether somebody waits for a moment at which nobody is inside, and how many there have been.
    private var isSettleDue = false
    private var momentCount = 0
    private var pending: [LogEntry] = []
    private var pendingBytes = 0
    private var isRecording: Bool
    private var wantsRecording: Bool
    private var isStopping = false

    /// The next block has this number; blocks below `committed` are written.
    private var nextBlock: UInt64
    private var committed: UInt64
    private var waiting: [(block: UInt64, body: @Sendable (StoreError?) -> Void)] = []
    /// Why the log cannot be written any more.
    private var failure: StoreError?

    /// Where blocks go, and the one after it.
    private var active: LogSegment?
    private var activeLeft = 0
    private var spare: LogSegment?
    /// Why there is no spare, until there is one; tried again.
    private var spareFailure: StoreError?
    /// How often one could not be made.
    private var spareFailureCount = 0
    /// Whether the thread should see to a spare: there is a reason to try, or to try again.
    private var isSpareDue = true
    /// What somebody who waits for room needs.
    private var wantedBytes = 0
    private var nextSegment: UInt64
    /// Segments behind the active one that are still needed, oldest first.
    private var older: [(number: UInt64, bytes: Int)] = []
    /// Files of segments that are not needed any more, to be used again.
    private var free: [(number: UInt64, bytes: Int)] = []
    private var rotationsWanted = 0
    private var rotationsDone = 0
    /// Number of the first segment after the last rotation.
    private var rotatedTo: UInt64 = 0

    private let tickets = Synchronization.Atomic<UInt64>(0)
    private let pool = NIOLockedValueBox<[LogEntry]>([])
    private let ended = DispatchSemaphore(value: 0)

    /// Buffers that are kept for the next requests, by number and size.
    private static let pooledEntriesMax = 16
    private static let pooledEntryBytesMax = 4 << 20
    private static let retrySeconds = 0.25

    /// `older` are segments that recovery has read and that are still needed.
    init(
        folder: String, options: Options, older: [(number: UInt64, bytes: Int)],
        nextSegment: UInt64, nextBlock: UInt64
    ) throws(StoreError) {
        self.folder = folder
        self.options = options
        self.older = older
        self.nextSegment = nextSegment
        self.nextBlock = nextBlock
        committed = nextBlock
        isRecording = options.durability != .none
        wantsRecording = isRecording
        if isRecording {
            try DataDirectory.makeFolder(folder)
            takeSpare(try makeSegment(bytes: options.segmentBytes))
        }
        let thread = Thread { [self] in run() }
        thread.name = "log"
        thread.start()
    }

    // MARK: writers

    /// The right to change rows, and the entry to note the changes in; nil when nothing is noted.
    struct Pass {
        let entry: LogEntry?
        fileprivate let reservedBytes: Int
    }

    /// Lets a request in that adds at most `bytes` to the log; nil when there is no room for them
    /// now. Never blocks on I/O. No lock of a shard is held by the caller.
    ///
    /// Throws `storageFailed` when the log has failed.
    func enter(reserving bytes: Int) throws(StoreError) -> Pass? {
        condition.lock()
        defer { condition.unlock() }
        return try enterLocked(reserving: bytes)
    }

    private func enterLocked(reserving bytes: Int) throws(StoreError) -> Pass? {
        while isTaking { condition.wait() }
        guard isRecording else {
            insideCount += 1
            return Pass(entry: nil, reservedBytes: 0)
        }
        if let failure { throw failure }
        guard hasRoom(bytes) else { return nil }
        insideCount += 1
        reservedBytes += bytes
        return Pass(
            entry: pool.withLockedValue { $0.popLast() } ?? LogEntry(), reservedBytes: bytes)
    }

    /// The same, but waits for room. Blocks.
    ///
    /// Throws `storageFull`, `storageFailed`, `tooLarge`, or `overloaded` when room does not come.
    func enterWhenRoom(reserving bytes: Int, timeoutSeconds: Double) throws(StoreError) -> Pass {
        guard bytes <= options.entryBytesMax else {
            throw .tooLarge(
                "a write of \(bytes) bytes in the log; the most is \(options.entryBytesMax)")
        }
        let deadline = Date(timeIntervalSinceNow: timeoutSeconds)
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let pass = try enterLocked(reserving: bytes) { return pass }
            if let spareFailure { throw spareFailure }
            if isStopping { throw .closed }
            if bytes > wantedBytes {
                wantedBytes = bytes
                isSpareDue = true
                condition.broadcast()
            }
            if !condition.wait(until: deadline) { throw .noRoom }
        }
    }

    /// Whether so many bytes could be added now. Throws `storageFull` when they could not because
    /// there is no room on the disk.
    func hasRoom(for bytes: Int) throws(StoreError) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        if !isRecording || hasRoom(bytes) { return true }
        if let spareFailure { throw spareFailure }
        return false
    }

    /// Whether somebody who is inside, or has been, counts on the next segment.
    private var isSpareReserved: Bool {
        let promised = pendingBytes + reservedBytes
        return spare != nil && promised > 0
            && LogFormat.blockHeaderBytes + promised > activeLeft
    }

    private func hasRoom(_ bytes: Int) -> Bool {
        let needed = LogFormat.blockHeaderBytes + pendingBytes + reservedBytes + bytes
        return needed <= activeLeft
            || needed <= (spare?.capacity ?? 0) - LogFormat.segmentHeaderBytes
    }

    /// Takes the entry over, and says when what is in it may be acknowledged.
    func leave(_ pass: Pass, pushes: Int) -> Commit {
        let entry = pass.entry?.isEmpty == false ? pass.entry : nil
        entry?.seal(pushes: pushes)
        if let unused = pass.entry, entry == nil { recycle([unused]) }
        condition.lock()
        defer { condition.unlock() }
        insideCount -= 1
        reservedBytes -= pass.reservedBytes
        if let entry, isRecording {
            pending.append(entry)
            pendingBytes += entry.byteCount
        }
        if threadWaits && entry != nil || isTaking && insideCount == 0 { condition.broadcast() }
        if entry == nil || options.durability == .none { return .done }
        return Commit(log: self, block: nextBlock)
    }

    /// What orders the sections of entries; taken with the lock of the section's shard held.
    func ticket() -> UInt64 { tickets.add(1, ordering: .relaxed).newValue }

    private func recycle(_ entries: [LogEntry]) {
        pool.withLockedValue { pool in
            for entry in entries where entry.heldBytes <= Self.pooledEntryBytesMax {
                entry.clear()
                if pool.count < Self.pooledEntriesMax { pool.append(entry) }
            }
        }
    }

    // MARK: waiting for the log

    func isCommitted(_ block: UInt64) -> Bool { condition.withLock { block < committed } }

    func wait(for block: UInt64) throws(StoreError) {
        condition.lock()
        defer { condition.unlock() }
        while committed <= block {
            if let failure { throw failure }
            condition.wait()
        }
    }

    /// Waits until the log has everything that has been applied so far: only then may rows go to the
    /// cold tier, or a part of a request could survive without the rest. Blocks.
    func settle() throws(StoreError) {
        condition.lock()
        defer { condition.unlock() }
        guard isRecording else { return }
        isSettleDue = true
        condition.broadcast()
        // What has been applied and is not being written yet comes with this block, if there is any.
        let block = nextBlock
        let moment = momentCount
        while isRecording, committed <= block, momentCount == moment || nextBlock > block {
            if let failure { throw failure }
            condition.wait()
        }
    }

    func notify(_ block: UInt64, _ body: @escaping @Sendable (StoreError?) -> Void) {
        condition.lock()
        if committed <= block, failure == nil {
            waiting.append((block, body))
            return condition.unlock()
        }
        let failure = committed <= block ? failure : nil
        condition.unlock()
        body(failure)
    }

    /// Why the log is not written, or not made longer.
    var currentFailure: StoreError? { condition.withLock { failure ?? spareFailure } }

    // MARK: the thread

    private func run() {
        while true {
            condition.lock()
            threadWaits = true
            while !hasWork {
                if spareFailure == nil {
                    condition.wait()
                } else if !condition.wait(until: Date(timeIntervalSinceNow: Self.retrySeconds)) {
                    // The disk was full: perhaps it is not any more.
                    isSpareDue = true
                }
            }
            threadWaits = false
            if isStopping, pending.isEmpty, insideCount == 0 {
                condition.unlock()
                break
            }
            let isMomentWanted =
                !pending.isEmpty || isSettleDue || isRotationWanted && canRotate
            let taken = isMomentWanted ? take() : Taken()
            condition.unlock()
            if !taken.entries.isEmpty { commit(taken) }
            recycle(taken.entries)
            provideSpare()
        }
        ended.signal()
    }

    private var hasWork: Bool {
        isStopping || isSpareDue && !isSpareReserved || !pending.isEmpty || isSettleDue
            || isRotationWanted && canRotate
    }

    private var isRotationWanted: Bool { rotationsWanted > rotationsDone && failure == nil }
    private var canRotate: Bool { spare != nil || !wantsRecording }

    private struct Taken {
        var entries: [LogEntry] = []
        var block: UInt64 = 0
        var segment: LogSegment?
        var offset = 0
    }

    /// Takes what is pending when nobody is inside, and does what must happen at such a moment.
    /// `condition` is locked.
    private func take() -> Taken {
        isTaking = true
        while insideCount > 0 { condition.wait() }
        isSettleDue = false
        momentCount += 1
        defer {
            isTaking = false
            condition.broadcast()
        }
        var taken = Taken()
        if !pending.isEmpty {
            let bytes = LogFormat.blockHeaderBytes + pendingBytes
            if bytes > activeLeft, let spare { takeSpare(spare) }
            precondition(bytes <= activeLeft, "an entry is larger than what was reserved for it")
            // Room was found, so there is a segment.
            let segment = active!
            taken = Taken(
                entries: pending, block: nextBlock, segment: segment,
                offset: segment.capacity - activeLeft)
            activeLeft -= bytes
            nextBlock += 1
            pending = []
            pendingBytes = 0
        }
        if isRotationWanted, canRotate { rotateNow() }
        return taken
    }

    private func rotateNow() {
        if let spare {
            takeSpare(spare)
            rotatedTo = spare.number
        }
        if !wantsRecording {
            // One that nothing is written to ends the log.
            if let active { older.append((active.number, active.capacity)) }
            active = nil
            activeLeft = 0
            rotatedTo = nextSegment
            spareFailure = nil
        }
        isRecording = wantsRecording
        rotationsDone = rotationsWanted
    }

    private func takeSpare(_ segment: LogSegment) {
        if let active { older.append((active.number, active.capacity)) }
        active = segment
        activeLeft = segment.capacity - LogFormat.segmentHeaderBytes
        spare = nil
        isSpareDue = true
    }

    private func commit(_ taken: Taken) {
        // Only this thread sets it. Behind a block that failed none may come.
        var failed = condition.withLock { failure }
        if failed == nil {
            do throws(StoreError) {
                // There are entries, so there is a segment.
                try taken.segment!.write(taken.entries, block: taken.block, at: taken.offset)
                if options.durability == .synced { try taken.segment!.sync() }
            } catch {
                // Memory is ahead of the log now, and what the file has is not known: from here on
                // only reads are safe. What was applied and not acknowledged may or may not survive.
                failed = .storageFailed("the log: \(error); writes are refused until a restart")
            }
        }
        condition.lock()
        if failed == nil { committed = taken.block + 1 } else { failure = failed }
        // Nobody's write depends on a log that is only for a checkpoint.
        if failed != nil, options.durability == .none { isRecording = false }
        let due = waiting.filter { failed != nil || $0.block < committed }
        waiting.removeAll { failed != nil || $0.block < committed }
        condition.broadcast()
        condition.unlock()
        for (_, body) in due { body(failed) }
    }

    /// Makes the next segment, unless the log would become too large by it.
    private func provideSpare() {
        condition.lock()
        let wanted = max(
            options.segmentBytes,
            wantedBytes + LogFormat.segmentHeaderBytes + LogFormat.blockHeaderBytes)
        let needed = older.reduce(active?.capacity ?? 0) { $0 + $1.bytes }
        let isWanted =
            isSpareDue && wantsRecording && failure == nil
            && (spare.map { $0.capacity < wanted } ?? true) && !isSpareReserved
            // A log that is full is made shorter by a rotation.
            && (needed + wanted <= options.bytesMax || isRotationWanted)
        // What stands in the way now is looked at again.
        isSpareDue = isSpareDue && isSpareReserved
        if isWanted, let unused = spare {
            unsafe unlink(unused.path)
            spare = nil
            // No number is left out: a gap would be taken for a loss.
            nextSegment = unused.number
        }
        var reused: (number: UInt64, bytes: Int)?
        var surplus: [(number: UInt64, bytes: Int)] = []
        if isWanted {
            if let at = free.firstIndex(where: { $0.bytes >= wanted }) {
                reused = free.remove(at: at)
            }
            // Together with those that are free the files keep to the limit.
            var total = free.reduce(needed + (reused?.bytes ?? wanted)) { $0 + $1.bytes }
            while total > options.bytesMax, let last = free.popLast() {
                total -= last.bytes
                surplus.append(last)
            }
        }
        condition.unlock()
        remove(surplus)
        guard isWanted else { return }
        let made = Result { () throws(StoreError) in
            try makeSegment(bytes: wanted, reusing: reused)
        }
        condition.lock()
        switch made {
        case .success(let segment):
            spare = segment
            spareFailure = nil
        case .failure(let error):
            spareFailure = error
            spareFailureCount += 1
        }
        // Who wants more than a segment and did not get it says so again; others must not wait.
        wantedBytes = 0
        condition.broadcast()
        condition.unlock()
    }

    private func makeSegment(
        bytes: Int, reusing reused: (number: UInt64, bytes: Int)? = nil
    ) throws(StoreError) -> LogSegment {
        if reused == nil {
            try DiskSpace.check(folder, for: bytes, leaving: DiskSpace.leftByLogBytes)
        }
        let segment = try LogSegment(
            folder: folder, number: nextSegment,
            capacity: reused?.bytes ?? bytes.roundedUp(toMultipleOf: 4096),
            reusing: reused?.number, synced: options.durability == .synced)
        nextSegment += 1
        return segment
    }

    // MARK: segments

    /// Waits until half of the log's bytes are in segments that a cut would free; false once the log
    /// is stopped. Blocks.
    func waitUntilLarge() -> Bool {
        condition.lock()
        defer { condition.unlock() }
        while !isStopping, older.reduce(0, { $0 + $1.bytes }) < options.bytesMax / 2 {
            condition.wait()
        }
        return !isStopping
    }

    /// The segment that is being written; all that is in those before it has been applied.
    var activeSegment: UInt64 { condition.withLock { active?.number ?? nextSegment } }

    /// Makes a moment at which nobody is inside the border between two segments, and returns the
    /// number of the later. With `recording`, what happens from then on is noted, or not any more.
    /// Blocks.
    func rotate(recording: Bool? = nil) throws(StoreError) -> UInt64 {
        if recording == true { try DataDirectory.makeFolder(folder) }
        condition.lock()
        defer { condition.unlock() }
        if recording == true, failure != nil, options.durability == .none { forgetFailure() }
        if let recording { wantsRecording = recording }
        // Callers come one at a time: they hold the store's lock for changes.
        rotationsWanted += 1
        isSpareDue = true
        // An earlier failure says nothing of the next try.
        let failures = spareFailureCount
        condition.broadcast()
        while rotationsDone < rotationsWanted {
            if let failure { throw failure }
            if let spareFailure, spareFailureCount > failures {
                rotationsWanted = rotationsDone
                wantsRecording = isRecording
                // Nobody tries again for a log that is not written.
                if !isRecording { self.spareFailure = nil }
                throw spareFailure
            }
            if isStopping { throw .closed }
            condition.wait()
        }
        return rotatedTo
    }

    /// Makes a log that has failed, and that nobody's write depends on, fit to be written again.
    /// `condition` is locked.
    private func forgetFailure() {
        failure = nil
        if let active { older.append((active.number, active.capacity)) }
        active = nil
        activeLeft = 0
        pending = []
        pendingBytes = 0
    }

    /// Lets go of the segments before `number`: what they say is on disk elsewhere.
    func removeSegments(before number: UInt64) {
        condition.lock()
        var removed = older.filter { $0.number < number }
        older.removeAll { $0.number < number }
        if isRecording, !isStopping {
            // Of the usual size; recovery has cut off what it did not need of others.
            free += removed.filter { $0.bytes == options.segmentBytes }
            removed.removeAll { $0.bytes == options.segmentBytes }
        } else {
            removed += free
            free = []
        }
        isSpareDue = true
        condition.broadcast()
        condition.unlock()
        remove(removed)
    }

    /// A file that cannot be removed is left to the next start.
    private func remove(_ segments: [(number: UInt64, bytes: Int)]) {
        for segment in segments {
            unsafe unlink(LogSegment.path(folder: folder, number: segment.number))
        }
    }

    /// Writes what is pending and ends the thread.
    func stop() {
        condition.lock()
        let wasStopping = isStopping
        isStopping = true
        condition.broadcast()
        condition.unlock()
        if !wasStopping { ended.wait() }
    }

    /// The number that the next segment would get, of a log that has been stopped.
    var endSegment: UInt64 { nextSegment }

    /// Removes all segments of a log that has been stopped: everything is on disk elsewhere.
    func removeAllSegments() {
        condition.withLock {
            for segment in [active, spare].compactMap({ $0 }) {
                older.append((segment.number, segment.capacity))
            }
        }
        removeSegments(before: nextSegment)
    }
}
