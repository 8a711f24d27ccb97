/// How long the rows of a table live after their last use, whose time is kept with each.
struct Lifetime: Sendable {
    let seconds: UInt32
    /// Reads make a clean row dirty only when they fall into another slot of this many seconds than
    /// the use before: so the time on disk is too early by less than a slot.
    private let slotSeconds: UInt32

    /// Slots of a lifetime.
    static let slots = 16

    /// Nil for a table whose rows live for ever.
    init?(_ schema: TableSchema) {
        if schema.timeToLive == 0 { return nil }
        seconds = UInt32(clamping: schema.timeToLive)
        slotSeconds = max(1, seconds / UInt32(Self.slots))
    }

    /// Whether a row that was last used at `lastUse` is gone. A use that lies ahead, because the
    /// clock was set back, counts as now.
    @inline(__always)
    func isOver(lastUse: UInt32, now: UInt32) -> Bool {
        Self.age(lastUse: lastUse, now: now) > seconds
    }

    @inline(__always)
    static func age(lastUse: UInt32, now: UInt32) -> UInt32 { now > lastUse ? now - lastUse : 0 }

    @inline(__always)
    func isSameSlot(_ one: UInt32, _ other: UInt32) -> Bool {
        one / slotSeconds == other / slotSeconds
    }
}

extension RowStore {
    /// What time it is for the rows of this table; 0 where they live for ever.
    @inline(__always)
    var now: UInt32 { lifetime == nil ? 0 : clock.now() }

    /// Whether a record is of a row that is gone. One that a push has pinned is not: it is being
    /// used. The shard's lock is held.
    @inline(__always)
    func isExpired(_ record: UnsafeMutableRawPointer, now: UInt32) -> Bool {
        guard let lifetime else { return false }
        return unsafe lifetime.isOver(lastUse: layout.lastUse(record), now: now)
            && RowLayout.meta(record).pointee.pins == 0
    }

    func isExpired(_ parsed: ColdValue, _ value: UnsafeRawBufferPointer, now: UInt32) -> Bool {
        guard let lifetime else { return false }
        return unsafe lifetime.isOver(lastUse: parsed.lastUse(value), now: now)
    }

    /// Notes that a row is read now. The shard's lock is held.
    @inline(__always)
    func noteUse(of record: UnsafeMutableRawPointer, now: UInt32) {
        guard let lifetime else { return }
        if unsafe !lifetime.isSameSlot(layout.lastUse(record), now) {
            // Touched, too: what a demotion or flush has staged of it is not all any more.
            unsafe RowLayout.meta(record).pointee.bits |= RowMeta.dirty | RowMeta.touched
        }
        unsafe layout.setLastUse(record, now)
    }
}
