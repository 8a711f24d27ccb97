import CKernels
internal import NIOConcurrencyHelpers

/// A part of a table's hot tier: some of the keys, with their records, under one lock.
///
/// `lock` guards everything below it. It is never held across I/O, and nobody holds two. Operations
/// on many keys go over a `KeyBatch`, which is ordered by shard, so that each lock is taken once
/// for a request.
@safe final class Shard: @unchecked Sendable {  // all mutable state is guarded by `lock`
    let lock = NIOLock()

    private(set) var index = SlotIndex()
    private(set) var slab: RowSlab
    /// Where the next sweep of a demotion starts.
    private(set) var hand = 0
    /// Of rows that have left.
    private var coldFrequencies = ColdFrequencies()
    var statistics = ShardStatistics()
    /// Rows that were announced, and stay until they are asked for.
    var holds = RowHolds()
    /// Counts removals, apart by hash: a row that was read from disk may be inserted only if no
    /// removal of its key can have happened since before the read, or an old row would replace a
    /// newer one.
    private let removalStamps: UnsafeMutablePointer<UInt32>

    private let hash: KeyHash
    private let budget: MemoryBudget

    private static let stampCount = 1024

    init(
        layout: RowLayout, capacity: Int, hash: KeyHash, budget: MemoryBudget
    ) throws(StoreError) {
        slab = try RowSlab(
            stride: layout.stride, capacity: min(capacity, SlotIndex.positionCountMax))
        unsafe removalStamps = .allocate(capacity: Self.stampCount)
        unsafe removalStamps.initialize(repeating: 0, count: Self.stampCount)
        self.hash = hash
        self.budget = budget
        budget.add(index.bytes)
    }

    deinit {
        unsafe removalStamps.deallocate()
        budget.add(-bytes)
    }

    var bytes: Int { index.bytes + slab.committedBytes + coldFrequencies.bytes }

    // MARK: finding

    /// Writes the position of each key of `range` in the batch's order, or -1, to `positions`.
    ///
    /// Three passes, so that the cache misses of many keys overlap: ask for the slots, ask for the
    /// records that they name, then compare keys. `wanted` are the bytes of a record that the caller
    /// goes on to use.
    @inline(__always)
    func find(
        _ batch: borrowing KeyBatch, _ range: Range<Int>, wanted: Range<Int>,
        _ positions: UnsafeMutablePointer<Int32>
    ) {
        for at in range { index.prefetch(batch.hash(at)) }
        for at in range {
            let likely = index.likelyPosition(batch.hash(at))
            if likely >= 0 {
                let record = unsafe slab.record(likely)
                unsafe tc_prefetch(record)
                unsafe Self.prefetch(record, wanted)
            }
        }
        for at in range {
            unsafe positions[at &- range.lowerBound] = Int32(
                truncatingIfNeeded: index.position(
                    of: batch.key(at), hash: batch.hash(at), in: slab))
        }
    }

    /// Asks for some bytes of a record or a row, of long ones the first: once it is read from front to back,
    /// the processor asks for the rest by itself.
    @inline(__always)
    static func prefetch(_ record: UnsafeRawPointer, _ bytes: Range<Int>) {
        let end = min(bytes.upperBound, bytes.lowerBound &+ prefetchBytesMax)
        var at = bytes.lowerBound
        while at < end {
            unsafe tc_prefetch(record + at)
            at &+= 64
        }
        if end > bytes.lowerBound { unsafe tc_prefetch(record + (end &- 1)) }
    }

    private static let prefetchBytesMax = 512

    @inline(__always)
    func position(of key: UInt64, hash: UInt64) -> Int {
        index.position(of: key, hash: hash, in: slab)
    }

    @inline(__always)
    func record(_ position: Int) -> UnsafeMutableRawPointer { unsafe slab.record(position) }

    @inline(__always)
    func meta(_ record: UnsafeMutableRawPointer) -> UnsafeMutablePointer<RowMeta> {
        unsafe RowLayout.meta(record)
    }

    @inline(__always)
    func key(at position: Int) -> UInt64 {
        unsafe slab.record(position).loadUnaligned(as: UInt64.self)
    }

    /// What `stamp(hash)` gives stays the same for as long as no key with this hash has been
    /// removed.
    @inline(__always)
    func stamp(_ hash: UInt64) -> UInt32 { unsafe removalStamps[Int((hash >> 40) & 0x3FF)] }

    // MARK: inserting and removing

    var isFull: Bool { slab.count == slab.capacity }

    /// Makes a record for a key that has none. The caller fills in everything but the key.
    func insert(_ key: UInt64, hash: UInt64) -> UnsafeMutableRawPointer {
        let before = bytes
        let position = slab.append()
        index.insert(hash: hash, position: position) { self.hash(self.key(at: $0)) }
        let record = unsafe slab.record(position)
        unsafe record.storeBytes(of: key, as: UInt64.self)
        budget.add(bytes - before)
        return unsafe record
    }

    /// Removes a record; the last one takes its place, so that the slab stays dense.
    func remove(at position: Int, key: UInt64, hash: UInt64) {
        unsafe removalStamps[Int((hash >> 40) & 0x3FF)] &+= 1
        index.remove(key, hash: hash, in: slab)
        let last = slab.count - 1
        if position != last {
            let lastKey = self.key(at: last)
            index.move(lastKey, hash: self.hash(lastKey), to: position, in: slab)
            unsafe slab.record(position).copyMemory(from: slab.record(last), byteCount: slab.stride)
        }
        slab.removeLast()
    }

    /// Marks a key as removed though it has no record here: a reader that is under way must look
    /// again.
    func invalidate(hash: UInt64) { unsafe removalStamps[Int((hash >> 40) & 0x3FF)] &+= 1 }

    /// Gives back memory that removals have freed.
    func trim() {
        let before = bytes
        slab.trim()
        index.trim { self.hash(self.key(at: $0)) }
        coldFrequencies.trim(rows: count)
        holds.trim()
        budget.add(bytes - before)
    }

    // MARK: rows that are on disk only

    /// Removes a row that goes to disk, or is there already, and remembers how often it is used.
    func removeDemoted(
        at position: Int, key: UInt64, hash: UInt64, frequency: UInt16, epoch: UInt32
    ) {
        reserveColdFrequencies()
        coldFrequencies.note(hash, frequency, epoch: epoch)
        remove(at: position, key: key, hash: hash)
    }

    /// Remembers the use of a row that stays on disk.
    func noteRead(_ hash: UInt64, frequency: UInt16, epoch: UInt32) {
        reserveColdFrequencies()
        coldFrequencies.noteRead(hash, frequency, epoch: epoch)
    }

    private func reserveColdFrequencies() {
        let before = coldFrequencies.bytes
        coldFrequencies.reserve(rows: count)
        budget.add(coldFrequencies.bytes - before)
    }

    /// What is remembered of a row's frequency as of `epoch`, at least what it is; 0 when nothing is.
    func coldFrequency(_ hash: UInt64, epoch: UInt32) -> UInt16 {
        coldFrequencies.frequency(hash, epoch: epoch)
    }

    // MARK: sweeping

    var count: Int { slab.count }

    /// Calls `body` with the next `limit` records from the hand on, until it returns false. The
    /// next sweep goes on where this one stopped.
    func sweep(limit: Int, _ body: (UnsafeMutableRawPointer) -> Bool) {
        let count = slab.count
        if hand >= count { hand = 0 }
        for _ in 0..<min(limit, count) {
            let goOn = unsafe body(slab.record(hand))
            hand = hand + 1 == count ? 0 : hand + 1
            if !goOn { return }
        }
    }
}
