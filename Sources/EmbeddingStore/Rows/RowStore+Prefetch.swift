internal import NIOConcurrencyHelpers
import Synchronization

/// An announcement of which a part may have to be read from disk; it is over when nobody does so.
public final class Prefetch: Sendable {
    fileprivate let announcer: Announcer
    fileprivate let announcement: Announcement?
    /// Keys of it that are not in memory, some perhaps several times.
    fileprivate let absent: [UInt64]
    /// Keys that there was no room for.
    fileprivate let refused: [UInt64]
    /// How many rows are held, once it is complete.
    public let held: Int
    fileprivate let isRead = Synchronization.Atomic<Bool>(false)

    fileprivate init(
        _ announcer: Announcer, _ announcement: Announcement? = nil, held: Int = 0,
        absent: [UInt64] = [], refused: [UInt64] = []
    ) {
        self.announcer = announcer
        self.announcement = announcement
        self.held = held
        self.absent = absent
        self.refused = refused
    }

    deinit {
        guard let announcement, !isComplete, !isRead.load(ordering: .relaxed) else { return }
        announcement.rows.budget.announcements.abandon(announcement)
    }

    /// Whether nothing is left to do.
    public var isComplete: Bool { absent.isEmpty && refused.isEmpty }

    /// Bytes that what is left to do takes.
    public var byteCount: Int { 8 * (absent.count + refused.count) }
}

extension RowStore {
    /// Holds the rows of keys that will soon be asked for, each until it has been handed out as often
    /// as its key comes, as far as `Announcements` has room. Never blocks.
    ///
    /// What is not in memory is held as well, so that a hold always begins before its use, however long
    /// the disk takes.
    func prefetchHot(_ keys: [UInt64], by announcer: Announcer) -> Prefetch {
        if keys.isEmpty || announcer.ending.hasCome { return Prefetch(announcer) }
        guard let announcement = budget.announcements.begin(keys, of: self, by: announcer) else {
            return Prefetch(announcer, refused: keys)
        }
        var held = 0
        var absent: [UInt64] = []
        unsafe announcement.keys.withBytes { keys in
            let batch = unsafe batch(Keys(keys))
            unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: Self.lookupCountMax) {
                positions in
                lockEachShard(of: batch) { shard, places in
                    // Not empty, so it has an address.
                    held += unsafe hold(
                        batch, places, in: shard, announcement, absent: &absent,
                        positions: positions.baseAddress!)
                }
            }
        }
        return Prefetch(
            announcer, announcement, held: held, absent: absent,
            refused: Array(keys[announcement.keys.count...]))
    }

    /// Returns how many are held.
    private func hold(
        _ batch: borrowing KeyBatch, _ places: Range<Int>, in shard: Shard,
        _ announcement: Announcement, absent: inout [UInt64],
        positions: UnsafeMutablePointer<Int32>
    ) -> Int {
        if announcement.isOver {
            budget.announcements.ended(announcement.number, holds: places.count)
            return 0
        }
        var held = 0
        let now = now
        var start = places.lowerBound
        while start < places.upperBound {
            let end = min(start + Self.lookupCountMax, places.upperBound)
            unsafe shard.find(batch, start..<end, wanted: 0..<0, positions)
            for place in start..<end {
                let key = batch.key(place)
                guard shard.holds.add(key, hash: batch.hash(place), announcement.number)
                else { continue }
                held += 1
                let position = unsafe Int(positions[place - start])
                if unsafe position < 0 || isExpired(shard.record(position), now: now) {
                    absent.append(key)
                }
            }
            start = end
        }
        budget.announcements.ended(announcement.number, holds: places.count - held)
        return held
    }

    /// Brings the rows of an announcement into memory, lets go of those that do not exist, and returns
    /// how many keys are held. Creates nothing. Blocks on I/O.
    func prefetchCold(_ prefetch: Prefetch) throws(StoreError) -> Int {
        budget.announcements.endOverdue(now: clock.now())
        // There may be room now.
        let second = prefetchHot(prefetch.refused, by: prefetch.announcer)
        do throws(StoreError) {
            return try read(prefetch) + read(second)
        } catch {
            for case let announcement? in [prefetch.announcement, second.announcement] {
                budget.announcements.letGo(announcement)
            }
            throw error
        }
    }

    private func read(_ prefetch: Prefetch) throws(StoreError) -> Int {
        guard let announcement = prefetch.announcement else { return 0 }
        var held = prefetch.held
        let distinct = Set(prefetch.absent).sorted()
        var found = 0
        _ = try unsafe load(distinct, create: false, pin: false, isUse: false) { number, record in
            let key = distinct[number]
            let hash = hash(key)
            let shard = shard(of: hash)
            // What is handed out because there is no room for it is not there.
            if unsafe record != nil, shard.position(of: key, hash: hash) >= 0 {
                found += 1
                return
            }
            let ended = shard.holds.end(key, hash: hash, announcement.number)
            budget.announcements.ended(announcement.number, holds: ended)
            held -= ended
        }
        prefetch.isRead.store(true, ordering: .relaxed)
        // For the clock of frequencies they are what they would have been.
        budget.countMisses(found)
        return held
    }
}

/// Holds that end while rows of a shard are handed out: mostly all of one announcement, which is told
/// once.
struct EndedHolds {
    private var announcement: UInt64 = 0
    private var last = 0
    private(set) var count = 0

    /// Says that a row has been handed out. The shard's lock is held.
    mutating func add(
        _ key: UInt64, hash: UInt64, in shard: Shard, _ announcements: Announcements
    ) {
        guard let ended = shard.holds.endOldest(key, hash: hash) else { return }
        if ended != announcement {
            tell(announcements)
            announcement = ended
        }
        last += 1
        count += 1
    }

    mutating func tell(_ announcements: Announcements) {
        announcements.ended(announcement, holds: last)
        last = 0
    }
}
