import Foundation
import Synchronization

/// The memory that the hot tiers of all tables share, and the clock by which frequencies age.
///
/// Slabs and indexes report what they take and give back. Above `highBytes` nothing is inserted on
/// a reply path: whoever needs room waits for the demoter, which makes room down to `lowBytes`. The
/// slack between `highBytes` and the limit takes what was already under way.
final class MemoryBudget: @unchecked Sendable {  // plain properties are guarded by `condition`
    let limitBytes: Int
    let highBytes: Int
    let lowBytes: Int
    /// Rows that have to stay because they will soon be asked for.
    let announcements: Announcements

    private let used = Atomic<Int>(0)
    /// Rows looked up since the period began, and those of them that were not in memory.
    private let uses = Atomic<Int>(0)
    private let misses = Atomic<Int>(0)
    private let epochNumber: Atomic<UInt32>
    /// The bucket of frequencies up to which rows leave.
    private let leavingBucket = Atomic<Int>(-1)
    /// Bytes of the rows that were read and left on disk since the last round.
    private let leftOnDisk = Atomic<Int>(0)

    /// Signalled when the budget crosses `highBytes`, when a round of demotion ends, and at the
    /// end.
    private let condition = NSCondition()
    private var isStopped = false
    /// Why demotion makes no progress, when it does not.
    private var failure: StoreError?

    /// Bytes that one batch of a demotion may stage, so that demoting does not itself take much
    /// memory.
    static let stagedBytesMax = 8 << 20

    init(limitBytes: Int, epoch: UInt32) {
        precondition(limitBytes > 0)
        self.limitBytes = limitBytes
        highBytes = limitBytes - limitBytes / 16
        lowBytes = highBytes - limitBytes / 32
        announcements = Announcements(memoryBytes: limitBytes)
        epochNumber = Atomic(epoch)
    }

    var usedBytes: Int { used.load(ordering: .relaxed) }

    /// Whether a row may be inserted without waiting.
    @inline(__always)
    var hasRoom: Bool { used.load(ordering: .relaxed) < highBytes }

    /// Records that `bytes` more (or, negative, fewer) are taken.
    func add(_ bytes: Int) {
        let (old, new) = used.add(bytes, ordering: .relaxed)
        if (old < highBytes) != (new < highBytes) {
            // Up: the demoter's turn. Down: that of those who wait for room. Under the lock, so that
            // it cannot fall between a look and the wait after it.
            condition.withLock { condition.broadcast() }
        }
    }

    /// Waits until rows may be inserted; throws what keeps the demoter from making room, or
    /// `overloaded`. Blocks: never on an event loop.
    func waitForRoom(timeoutSeconds: Double) throws(StoreError) {
        if hasRoom { return }
        let deadline = Date(timeIntervalSinceNow: timeoutSeconds)
        condition.lock()
        defer { condition.unlock() }
        while !hasRoom {
            if isStopped { throw .closed }
            if let failure { throw failure }
            if !condition.wait(until: deadline), !hasRoom { throw .noRoom }
        }
    }

    /// Waits until there is something to demote, or so much was left on disk that it is time to look
    /// again which rows would leave for it; false once the budget is stopped.
    func waitForPressure() -> Bool {
        condition.lock()
        defer { condition.unlock() }
        while hasRoom, !isMuchLeftOnDisk, !isStopped { condition.wait() }
        return !isStopped
    }

    // MARK: promotion

    /// Whether a row on disk that is only read shall come into memory: where there is room, or if it is
    /// used more often than those that would leave for it, or as often as can be known of a row on
    /// disk. Once more does not count: it would be chance, and two rows that are used alike would go on
    /// changing places.
    func promotes(frequency: UInt16) -> Bool {
        usedBytes < lowBytes || frequency >= ColdFrequencies.most
            || frequency > 0
                && FrequencyHistogram.bucket(of: frequency - 1)
                    > leavingBucket.load(ordering: .relaxed)
    }

    /// Counts rows that were read and left on disk.
    func countLeftOnDisk(bytes: Int) {
        if bytes == 0 { return }
        let (old, new) = leftOnDisk.add(bytes, ordering: .relaxed)
        if old < roundBytes, new >= roundBytes { condition.withLock { condition.broadcast() } }
    }

    /// What a round of demotion makes free.
    var roundBytes: Int { highBytes - lowBytes }

    private var isMuchLeftOnDisk: Bool { leftOnDisk.load(ordering: .relaxed) >= roundBytes }

    /// A round begins in which rows leave up to this bucket, or would leave if room were needed.
    func rowsLeave(upTo bucket: Int) {
        leavingBucket.store(bucket, ordering: .relaxed)
        leftOnDisk.store(0, ordering: .relaxed)
    }

    /// Lets those who wait for room look again after a round of demotion, which may have failed.
    func roundEnded(failure: StoreError?) {
        condition.withLock {
            self.failure = failure
            condition.broadcast()
        }
    }

    /// What the last round of demotion failed with.
    var demotionFailure: StoreError? { condition.withLock { failure } }

    func stop() {
        condition.withLock {
            isStopped = true
            condition.broadcast()
        }
    }

    // MARK: the clock of frequencies

    @inline(__always)
    var epoch: UInt32 { epochNumber.load(ordering: .relaxed) }

    @inline(__always)
    func countUses(_ count: Int) { uses.wrappingAdd(count, ordering: .relaxed) }

    /// Of the uses that are counted too.
    @inline(__always)
    func countMisses(_ count: Int) { misses.wrappingAdd(count, ordering: .relaxed) }

    /// Uses per hot row after which it is looked at whether frequencies shall halve.
    static let usesPerRowAndPeriod = 8

    /// Begins a new epoch when the rows in memory have been used often enough since the last look,
    /// and the rule says so. Belongs to the thread that demotes.
    func ageFrequencies(hotRows: Int, _ rule: inout AgeingRule) {
        guard uses.load(ordering: .relaxed) >= Self.usesPerRowAndPeriod * max(hotRows, 1024) else {
            return
        }
        let counted = uses.exchange(0, ordering: .relaxed)
        let misses = misses.exchange(0, ordering: .relaxed)
        guard rule.halves(uses: counted, misses: misses) else { return }
        epochNumber.wrappingAdd(1, ordering: .relaxed)
    }
}
