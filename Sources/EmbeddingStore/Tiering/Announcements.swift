internal import NIOConcurrencyHelpers
import Synchronization

/// Rows that somebody has said to ask for soon: they are read ahead, and stay in memory till then.
///
/// Each announcement of a row holds it once, and each time that the row is handed out its oldest hold
/// ends. An announcement ends with who has made it, and in any case after `secondsMax`: it may have
/// been made in vain. All together take a quarter of the memory at most, and pushes pin a half.
///
/// A shard's lock may be held where `state` is locked, never the other way round.
final class Announcements: Sendable {
    /// How long rows are held at most.
    static let secondsMax: UInt32 = 30
    /// What a hold takes beside its row, at most: an entry of the shard's table.
    static let holdBytes = 64
    /// What an announcement takes until all its holds have ended; and its keys.
    static let announcementBytes = 512

    private let limitBytes: Int
    /// Announcements that may still hold rows are over before their time.
    private let isAnyOver = Synchronization.Atomic<Bool>(false)
    private let state: NIOLockedValueBox<State>
    private let holdsAny = Synchronization.Atomic<Bool>(false)

    private struct State {
        var freeBytes: Int
        /// Those that hold rows, by number.
        var live: [UInt64: (announcement: Announcement, holds: Int)] = [:]
        var nextNumber: UInt64 = 0
        /// All before it are over.
        var oldest: UInt64 = 0
    }

    init(memoryBytes: Int) {
        limitBytes = memoryBytes / 4
        state = NIOLockedValueBox(State(freeBytes: limitBytes))
    }

    /// Whether nothing is held at the moment.
    var isIdle: Bool { !holdsAny.load(ordering: .relaxed) }

    /// Whether nothing is held, and all that could be is free; for tests.
    var isEmpty: Bool {
        state.withLockedValue { $0.live.isEmpty && $0.freeBytes == limitBytes }
    }

    /// Begins an announcement of as many of the keys, from the first on, as there is room for; nil for
    /// none. The caller then holds the rows.
    func begin(_ keys: [UInt64], of rows: RowStore, by announcer: Announcer) -> Announcement? {
        let perKey = 8 + Self.holdBytes + rows.layout.stride
        // It may be on the way of a reply: of what lies above the mark it takes a half at most.
        let budget = rows.budget
        let room = (budget.highBytes + budget.limitBytes) / 2 - budget.usedBytes
        let announcement = state.withLockedValue { state -> Announcement? in
            let accepted = min(
                keys.count, (state.freeBytes - Self.announcementBytes) / perKey,
                (room - Self.announcementBytes) / (8 + Self.holdBytes))
            guard accepted > 0 else { return nil }
            let announcement = Announcement(
                number: state.nextNumber, keys: Array(keys[..<accepted]), of: rows,
                by: announcer.ending, now: rows.clock.now())
            state.freeBytes -= Self.announcementBytes + accepted * perKey
            state.live[state.nextNumber] = (announcement, holds: accepted)
            state.nextNumber += 1
            holdsAny.store(true, ordering: .relaxed)
            return announcement
        }
        if let announcement {
            rows.budget.add(
                announcement.byteCount + announcement.keys.count * Self.holdBytes)
        }
        return announcement
    }

    /// Accounts for holds that have ended. A shard's lock may be held.
    func ended(_ number: UInt64, holds: Int) {
        if holds == 0 { return }
        let (announcement, isLast) = state.withLockedValue { state in
            guard let (announcement, left) = state.live[number] else {
                preconditionFailure("more holds ended than there were")
            }
            let isLast = left == holds
            state.live[number] = isLast ? nil : (announcement, left - holds)
            holdsAny.store(!state.live.isEmpty, ordering: .relaxed)
            state.freeBytes +=
                holds * (Self.holdBytes + announcement.rows.layout.stride)
                + (isLast ? announcement.byteCount : 0)
            return (announcement, isLast)
        }
        announcement.rows.budget.add(
            -holds * Self.holdBytes - (isLast ? announcement.byteCount : 0))
    }

    fileprivate func someoneHasGone() { isAnyOver.store(true, ordering: .releasing) }

    /// Says that nobody reads its rows. Never blocks: they are let go of as those of who is gone.
    func abandon(_ announcement: Announcement) {
        announcement.becomeOver()
        isAnyOver.store(true, ordering: .releasing)
    }

    /// Lets go of what was announced too long ago, or by somebody who is gone. Takes shards' locks, for
    /// each row once: not on an event loop.
    func endOverdue(now: UInt32) {
        let isAnyOver = isAnyOver.exchange(false, ordering: .acquiring)
        let over = state.withLockedValue { state in
            var over: [Announcement] = []
            while state.oldest < state.nextNumber {
                if let (announcement, _) = state.live[state.oldest] {
                    guard announcement.isOverdue(now: now) else { break }
                    over.append(announcement)
                }
                state.oldest += 1
            }
            if isAnyOver {
                over += state.live.values.map(\.announcement).filter {
                    $0.isOver || $0.announcer.hasCome
                }
            }
            return over
        }
        over.forEach(letGo)
    }

    /// Lets go of everything in a table that is being dropped, or without one of everything.
    func end(table: RowStore? = nil) {
        let over = state.withLockedValue { state in
            state.live.values.map(\.announcement).filter { table == nil || $0.rows === table }
        }
        over.forEach(letGo)
    }

    /// Ends what an announcement still holds; whoever is just holding rows for it goes on without.
    func letGo(_ announcement: Announcement) {
        announcement.becomeOver()
        var holds = 0
        for key in announcement.keys {
            let hash = announcement.rows.hash(key)
            let shard = announcement.rows.shard(of: hash)
            holds += shard.lock.withLock { shard.holds.end(key, hash: hash, announcement.number) }
        }
        ended(announcement.number, holds: holds)
    }
}

/// Rows of one request that are held.
final class Announcement: Sendable {
    let number: UInt64
    let rows: RowStore
    /// One for each hold.
    let keys: [UInt64]
    let announcer: Announcer.Ending
    private let beganAt: UInt32
    private let over = Synchronization.Atomic<Bool>(false)

    fileprivate init(
        number: UInt64, keys: [UInt64], of rows: RowStore, by announcer: Announcer.Ending,
        now: UInt32
    ) {
        self.number = number
        self.rows = rows
        self.keys = keys
        self.announcer = announcer
        beganAt = now
    }

    /// Without its holds.
    fileprivate var byteCount: Int { Announcements.announcementBytes + 8 * keys.count }

    fileprivate func isOverdue(now: UInt32) -> Bool {
        // A time long before it began is after it: the clock was set back. Just before it is one that was
        // read before it began.
        let age = Int64(now) - Int64(beganAt)
        return !(-1..<Int64(Announcements.secondsMax)).contains(age)
    }

    /// Whether no more rows are to be held for it. Asked with a shard's lock held: either this says so
    /// or `letGo` finds what is held.
    var isOver: Bool { over.load(ordering: .acquiring) }

    fileprivate func becomeOver() { over.store(true, ordering: .releasing) }
}

/// Who announces rows, such as a connection: the rows are let go of when it ends.
public final class Announcer: Sendable {
    /// Outlives the announcer, so that its announcements need not keep it.
    final class Ending: Sendable {
        private let flag = Synchronization.Atomic<Bool>(false)

        var hasCome: Bool { flag.load(ordering: .acquiring) }

        fileprivate func come() { flag.store(true, ordering: .releasing) }
    }

    let ending = Ending()
    private let announcements: Announcements

    init(_ announcements: Announcements) { self.announcements = announcements }

    deinit { end() }

    /// Says that nothing of what was announced will be asked for. Never blocks: rows are let go of when
    /// memory is needed, or something else is announced.
    public func end() {
        ending.come()
        announcements.someoneHasGone()
    }
}
