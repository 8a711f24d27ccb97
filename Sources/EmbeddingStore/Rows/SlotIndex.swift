import CKernels
import Glibc

/// Finds the position of a key in a slab: a hash table of positions, without keys and without
/// payload.
///
/// A slot holds 8 bits of the hash and 24 bits of position; the key itself is compared in the
/// record that the position names, which is needed next anyway. Linear probing, at most 7/8 full
/// counting the removed, grows by half so that it is never much emptier than needed: 4.6 to 7 bytes
/// a row.
@safe struct SlotIndex: ~Copyable {
    private var slots: UnsafeMutablePointer<UInt32>
    private(set) var slotCount: Int
    /// Slots that are not empty: live ones and removed ones.
    private var usedCount = 0
    private(set) var liveCount = 0

    /// In a table that is neither about to grow nor has just grown.
    static let bytesPerRow = 4 / (7.0 / 8) * 1.25

    static let positionCountMax = 1 << 24 - 2
    private static let empty: UInt32 = 0
    private static let removed: UInt32 = 0x00FF_FFFF
    private static let slotCountMin = 64

    init() {
        slotCount = Self.slotCountMin
        unsafe slots = unsafe Self.allocate(slotCount)
    }

    deinit { unsafe slots.deallocate() }

    var bytes: Int { slotCount * 4 }

    @inline(__always)
    private func home(_ hash: UInt64) -> Int {
        Int(
            truncatingIfNeeded: (((hash >> 8) & 0xFFFF_FFFF)
                &* UInt64(truncatingIfNeeded: slotCount)) >> 32)
    }

    @inline(__always)
    private static func slot(_ hash: UInt64, _ position: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: hash & 0xFF) << 24 | UInt32(truncatingIfNeeded: position &+ 1)
    }

    @inline(__always)
    func prefetch(_ hash: UInt64) { unsafe tc_prefetch(slots + home(hash)) }

    /// The first position whose tag agrees, or -1: where to look next, not yet an answer.
    @inline(__always)
    func likelyPosition(_ hash: UInt64) -> Int {
        var at = home(hash)
        let tag = UInt32(truncatingIfNeeded: hash & 0xFF)
        while true {
            let slot = unsafe slots[at]
            if slot == Self.empty { return -1 }
            if slot >> 24 == tag, slot != Self.removed { return Int(slot & 0x00FF_FFFF) &- 1 }
            at &+= 1
            if at == slotCount { at = 0 }
        }
    }

    /// The position of `key`, or -1.
    @inline(__always)
    func position(of key: UInt64, hash: UInt64, in slab: borrowing RowSlab) -> Int {
        let at = slotPosition(of: key, hash: hash, in: slab)
        return unsafe at < 0 ? -1 : Int(slots[at] & 0x00FF_FFFF) &- 1
    }

    @inline(__always)
    private func slotPosition(of key: UInt64, hash: UInt64, in slab: borrowing RowSlab) -> Int {
        var at = home(hash)
        let tag = UInt32(truncatingIfNeeded: hash & 0xFF)
        while true {
            let slot = unsafe slots[at]
            if slot == Self.empty { return -1 }
            if slot >> 24 == tag, slot != Self.removed,
                unsafe slab.record(Int(slot & 0x00FF_FFFF) &- 1).loadUnaligned(as: UInt64.self)
                    == key
            {
                return at
            }
            at &+= 1
            if at == slotCount { at = 0 }
        }
    }

    /// Enters a key that is not there. `hash(position)` gives the hash of the key at a position,
    /// for growing.
    mutating func insert(hash: UInt64, position: Int, rehash: (Int) -> UInt64) {
        if (usedCount + 1) * 8 > slotCount * 7 {
            rebuild(slotCount: nextSlotCount, rehash: rehash)
        }
        var at = home(hash)
        while unsafe slots[at] != Self.empty, unsafe slots[at] != Self.removed {
            at &+= 1
            if at == slotCount { at = 0 }
        }
        if unsafe slots[at] == Self.empty { usedCount += 1 }
        unsafe slots[at] = Self.slot(hash, position)
        liveCount += 1
    }

    /// Takes a key out; it must be there.
    mutating func remove(_ key: UInt64, hash: UInt64, in slab: borrowing RowSlab) {
        let at = slotPosition(of: key, hash: hash, in: slab)
        precondition(at >= 0, "a key that is not in the index was removed")
        liveCount -= 1
        let next = at + 1 == slotCount ? 0 : at + 1
        guard unsafe slots[next] == Self.empty else {
            unsafe slots[at] = Self.removed
            return
        }
        // Nothing is probed past here: this slot, and removed ones that end here, can be empty
        // again.
        var last = at
        unsafe slots[last] = Self.empty
        usedCount -= 1
        last = last == 0 ? slotCount - 1 : last - 1
        while unsafe slots[last] == Self.removed {
            unsafe slots[last] = Self.empty
            usedCount -= 1
            last = last == 0 ? slotCount - 1 : last - 1
        }
    }

    /// Says that the record of `key` has moved.
    mutating func move(_ key: UInt64, hash: UInt64, to position: Int, in slab: borrowing RowSlab) {
        let at = slotPosition(of: key, hash: hash, in: slab)
        precondition(at >= 0, "a key that is not in the index was moved")
        unsafe slots[at] = Self.slot(hash, position)
    }

    /// Removed slots alone do not make it grow.
    private var nextSlotCount: Int {
        liveCount * 8 > slotCount * 5 ? slotCount + slotCount / 2 : slotCount
    }

    /// Slots in the longest run without an empty one: what the worst lookup may
    /// have to read. Tests watch it.
    var longestRun: Int {
        var longest = 0
        var run = 0
        for at in 0..<slotCount {
            run = unsafe slots[at] == Self.empty ? 0 : run + 1
            longest = max(longest, run)
        }
        return longest
    }

    /// Gives memory back when few keys are left of many.
    mutating func trim(rehash: (Int) -> UInt64) {
        guard slotCount > Self.slotCountMin, liveCount * 4 < slotCount else { return }
        rebuild(slotCount: max(Self.slotCountMin, liveCount * 2), rehash: rehash)
    }

    private mutating func rebuild(slotCount newSlotCount: Int, rehash: (Int) -> UInt64) {
        let old = unsafe slots
        let oldCount = slotCount
        slotCount = newSlotCount
        unsafe slots = unsafe Self.allocate(slotCount)
        for at in 0..<oldCount where unsafe old[at] != Self.empty && old[at] != Self.removed {
            let position = unsafe Int(old[at] & 0x00FF_FFFF) &- 1
            var to = home(rehash(position))
            while unsafe slots[to] != Self.empty {
                to &+= 1
                if to == slotCount { to = 0 }
            }
            unsafe slots[to] = unsafe old[at]
        }
        usedCount = liveCount
        unsafe old.deallocate()
    }

    private static func allocate(_ count: Int) -> UnsafeMutablePointer<UInt32> {
        let hugePageBytes = 2 << 20
        let bytes = count * 4
        let large = bytes >= 2 * hugePageBytes
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: bytes, alignment: large ? hugePageBytes : 64)
        if large { unsafe madvise(memory, bytes, MADV_HUGEPAGE) }
        let slots = unsafe memory.bindMemory(to: UInt32.self, capacity: count)
        unsafe slots.initialize(repeating: empty, count: count)
        return unsafe slots
    }
}
