/// The announced rows of a shard, whether they are in memory or not; its lock guards them.
///
/// A hash table with linear probing, of one entry for each key of each announcement: a key that several
/// have named has several, and that of the oldest announcement ends first. Pulls look here for every
/// row while anything is held, so it takes the hash that they have already, and keeps no references.
struct RowHolds {
    private struct Entry {
        var key: UInt64 = 0
        var announcement: UInt64 = 0
        /// The lowest bits of the key's hash; the highest have chosen the shard.
        var hash: UInt32 = 0
        /// 0 where there is no entry.
        var holds: UInt32 = 0
    }

    /// A power of two, at most three quarters of them in use; or none.
    private var entries: [Entry] = []
    private var entryCount = 0
    /// Holds of all keys together.
    private(set) var count = 0

    @inline(__always)
    var isEmpty: Bool { count == 0 }

    private static let capacityMin = 16
    /// Announcements that may hold the same key: it is looked for among all of them.
    static let announcementsMax = 64

    func contains(_ key: UInt64, hash: UInt64) -> Bool {
        if isEmpty { return false }
        var place = home(UInt32(truncatingIfNeeded: hash))
        while entries[place].holds > 0 {
            if entries[place].key == key { return true }
            place = after(place)
        }
        return false
    }

    /// Returns false, and holds nothing, when too many others do.
    mutating func add(_ key: UInt64, hash: UInt64, _ announcement: UInt64) -> Bool {
        if 4 * (entryCount + 1) > 3 * entries.count {
            resize(max(Self.capacityMin, 2 * entries.count))
        }
        let hash = UInt32(truncatingIfNeeded: hash)
        var others = 0
        var place = home(hash)
        while entries[place].holds > 0 {
            if entries[place].key == key {
                if entries[place].announcement == announcement {
                    entries[place].holds += 1
                    count += 1
                    return true
                }
                others += 1
            }
            place = after(place)
        }
        if others == Self.announcementsMax { return false }
        count += 1
        entries[place] = Entry(key: key, announcement: announcement, hash: hash, holds: 1)
        entryCount += 1
        return true
    }

    /// Ends a hold of the oldest announcement of a key, which it returns; nil when there is none.
    mutating func endOldest(_ key: UInt64, hash: UInt64) -> UInt64? {
        if isEmpty { return nil }
        var oldest = -1
        var place = home(UInt32(truncatingIfNeeded: hash))
        while entries[place].holds > 0 {
            if entries[place].key == key,
                oldest < 0 || entries[place].announcement < entries[oldest].announcement
            {
                oldest = place
            }
            place = after(place)
        }
        if oldest < 0 { return nil }
        let announcement = entries[oldest].announcement
        entries[oldest].holds -= 1
        count -= 1
        if entries[oldest].holds == 0 { remove(oldest) }
        return announcement
    }

    /// Ends all holds of a key that an announcement has; returns how many there were.
    mutating func end(_ key: UInt64, hash: UInt64, _ announcement: UInt64) -> Int {
        if isEmpty { return 0 }
        var place = home(UInt32(truncatingIfNeeded: hash))
        while entries[place].holds > 0 {
            if entries[place].key == key, entries[place].announcement == announcement {
                let holds = Int(entries[place].holds)
                count -= holds
                remove(place)
                return holds
            }
            place = after(place)
        }
        return 0
    }

    /// Gives back memory that was needed for many more.
    mutating func trim() {
        var capacity = entries.count
        while capacity > Self.capacityMin, 8 * entryCount < capacity { capacity /= 2 }
        if capacity < entries.count { resize(capacity) }
    }

    @inline(__always)
    private func home(_ hash: UInt32) -> Int { Int(hash) & (entries.count - 1) }

    @inline(__always)
    private func after(_ place: Int) -> Int { (place + 1) & (entries.count - 1) }

    /// Empties a place, and moves entries behind it forward that would not be found beyond the gap.
    private mutating func remove(_ place: Int) {
        var gap = place
        var next = after(place)
        while entries[next].holds > 0 {
            let distance = (next &- home(entries[next].hash)) & (entries.count - 1)
            if distance >= (next &- gap) & (entries.count - 1) {
                entries[gap] = entries[next]
                gap = next
            }
            next = after(next)
        }
        entries[gap] = Entry()
        entryCount -= 1
    }

    private mutating func resize(_ capacity: Int) {
        let old = entries
        entries = Array(repeating: Entry(), count: capacity)
        for entry in old where entry.holds > 0 {
            var place = home(entry.hash)
            while entries[place].holds > 0 { place = after(place) }
            entries[place] = entry
        }
    }
}
