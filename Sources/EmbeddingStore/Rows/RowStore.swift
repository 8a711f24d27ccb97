import CKernels
internal import NIOConcurrencyHelpers
import Synchronization

/// The rows of one table by key, in two tiers. It knows nothing of ids or schemes.
///
/// The hot tier is `shards`; what is not there may be in `cold`. A row that has been in use since
/// it was last written is newer in the hot tier, so the hot tier is always asked first.
final class RowStore: @unchecked Sendable {  // Each shard guards itself; `log` is set at the start
    let table: UInt32
    let schema: TableSchema
    let layout: RowLayout
    let start: RowStart
    let rule: StepRule
    /// Nil where rows live for ever.
    let lifetime: Lifetime?
    let clock: UnixClock
    let shards: [Shard]
    let hash: KeyHash
    let budget: MemoryBudget
    let cold: any ColdTier
    /// One writer of the cold tier at a time: demotion, delete, flush, checkpoint. Held across I/O,
    /// so never together with a shard's lock except inside it.
    let coldWrites: NIOLock
    let isReadOnly: Bool

    /// Rows in either tier, however they move between them.
    let rowCount: Synchronization.Atomic<Int>
    /// Keys that have a copy on disk.
    let coldKeys: Synchronization.Atomic<Int>
    /// Whether `coldKeys` and the flags of rows say what is on disk: not while the log is replayed.
    /// Until then nobody else knows of the table.
    private var isCounted: Bool
    /// Pushes applied since the table was made: Adam's step, and a part of every rounding's
    /// randomness.
    let pushes: Synchronization.Atomic<Int>
    /// Room for the rows that pushes load and pin; shared by all tables. See `writeCold`.
    let pinned: PinnedBytes
    /// Where changes are noted; nil for a store that is only read, and until recovery is done.
    private(set) var log: WriteAheadLog?

    init(
        table: UInt32, schema: TableSchema, shardCount: Int, budget: MemoryBudget,
        cold: any ColdTier,
        coldWrites: NIOLock, pinned: PinnedBytes, coldKeys: Int?, pushes: Int, isReadOnly: Bool,
        clock: UnixClock = .system, hash: KeyHash = .processWide
    ) throws(StoreError) {
        precondition(shardCount & (shardCount - 1) == 0, "the top bits of a hash choose the shard")
        self.table = table
        self.schema = schema
        layout = RowLayout(schema)
        start = RowStart(schema)
        rule = StepRule(schema)
        lifetime = Lifetime(schema)
        self.clock = clock
        // Keys are spread evenly, so a shard never needs much more than its part of the budget;
        // twice that, and some, is only address space.
        let shardBytes = 2 * budget.limitBytes / shardCount + (4 << 20)
        let capacity = max(shardBytes / layout.stride, 64)
        shards = try (0..<shardCount).map { [layout] (_) throws(StoreError) in
            try Shard(layout: layout, capacity: capacity, hash: hash, budget: budget)
        }
        self.hash = hash
        self.budget = budget
        self.cold = cold
        self.coldWrites = coldWrites
        self.pinned = pinned
        isCounted = coldKeys != nil
        // Until they are counted there may be any number.
        self.coldKeys = Synchronization.Atomic(coldKeys ?? .max / 2)
        // Opened, a store has its rows on disk.
        rowCount = Synchronization.Atomic(coldKeys ?? 0)
        self.pushes = Synchronization.Atomic(pushes)
        self.isReadOnly = isReadOnly
    }

    /// Notes changes in `log` from here on. Nobody uses the rows yet.
    func start(_ log: WriteAheadLog) { self.log = log }

    /// From here on the figures say nothing: the log is being replayed.
    func becomeUncounted() {
        isCounted = false
        coldKeys.store(.max / 2, ordering: .relaxed)
    }

    func becomeCounted(coldKeys: Int, rows: Int) {
        isCounted = true
        self.coldKeys.store(coldKeys, ordering: .relaxed)
        rowCount.store(rows, ordering: .relaxed)
    }

    /// Writes to the cold tier, after which there are `newKeys` keys more there than before.
    /// `coldWrites` is held by the caller, who then counts them.
    func writeCold(_ rows: ColdRows, newKeys: Int) throws(StoreError) {
        let keyCount = isCounted ? coldKeys.load(ordering: .relaxed) + newKeys : nil
        try cold.write(rows, table: table, keyCount: keyCount)
    }

    /// The shard that the top bits of a hash choose, as `KeyBatch` has it.
    func shard(of hash: UInt64) -> Shard {
        shards[Int(truncatingIfNeeded: hash >> UInt64(64 - shards.count.trailingZeroBitCount))]
    }

    func batch(_ keys: Keys) -> KeyBatch {
        unsafe KeyBatch(keys, hash: hash, shardCount: shards.count)
    }

    /// Calls `body` for each shard that has some of the keys, with their places, under its lock.
    @inline(__always)
    func lockEachShard(of batch: borrowing KeyBatch, _ body: (Shard, Range<Int>) -> Void) {
        for (number, shard) in shards.enumerated() {
            let places = batch.places(of: number)
            if !places.isEmpty { shard.lock.withLock { body(shard, places) } }
        }
    }

    /// Keys looked up at once under a lock: enough for their cache misses to overlap, few enough
    /// for the lines that they fetch to stay in the first-level cache until they are read.
    static let lookupCountMax = 128

    /// Whether a row that is in no shard can be nowhere: then it may be created without asking the
    /// disk.
    ///
    /// Asked with the lock of the key's shard held: a demotion counts the copy before it removes
    /// the row there.
    var isColdEmpty: Bool { coldKeys.load(ordering: .acquiring) == 0 }

    /// Makes the row that a key starts with. The shard's lock is held.
    func create(
        _ key: UInt64, hash: UInt64, in shard: Shard, scratch: UnsafeMutablePointer<Float>
    ) -> UnsafeMutableRawPointer {
        let record = unsafe shard.insert(key, hash: hash)
        unsafe start.fill(scratch, count: layout.dimension, seed: schema.seed, key: key)
        unsafe layout.encode(scratch, into: record, stream: roundingStream(key, salt: 0))
        unsafe rule.initialize(layout.state(record))
        if layout.keepsLastUse { unsafe layout.setLastUse(record, now) }
        unsafe shard.meta(record).pointee = RowMeta(
            frequency: 1, epoch: budget.epoch, flags: RowMeta.dirty | RowMeta.touched)
        rowCount.add(1, ordering: .relaxed)
        shard.statistics.created += 1
        return unsafe record
    }

    /// Writes what the row that a key starts with is served as, without making it.
    func readStart(of key: UInt64, into row: UnsafeMutablePointer<Float>) {
        unsafe start.fill(row, count: layout.dimension, seed: schema.seed, key: key)
        if layout.precision == .float32 { return }
        let record = UnsafeMutableRawPointer.allocate(byteCount: layout.stride, alignment: 16)
        defer { unsafe record.deallocate() }
        unsafe layout.encode(row, into: record, stream: roundingStream(key, salt: 0))
        unsafe layout.decode(record, into: row)
    }

    /// The randomness of a stochastic rounding: a function of the table, the key and what happened
    /// so far, so that a run can be repeated.
    @inline(__always)
    func roundingStream(_ key: UInt64, salt: Int) -> UInt64 {
        KeyHash(salt: schema.seed &+ UInt64(truncatingIfNeeded: salt) &* 0x9E37_79B9_7F4A_7C15)(key)
    }

    /// Lends `layout.scratchCount` floats.
    func withScratch<Result, Failure: Error>(
        _ body: (UnsafeMutablePointer<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let scratch = UnsafeMutablePointer<Float>.allocate(capacity: layout.scratchCount)
        defer { unsafe scratch.deallocate() }
        return try unsafe body(scratch)
    }

    /// Hands over what was noted with a pass of `log`, if there is one.
    func leave(_ pass: WriteAheadLog.Pass?) -> Commit {
        guard let pass, let log else { return .done }
        return log.leave(pass, pushes: pushes.load(ordering: .relaxed))
    }

    // MARK: figures

    /// What a clean stop remembers of the rows.
    var state: DataDirectory.State.TableState {
        .init(
            coldKeys: coldKeys.load(ordering: .relaxed), pushes: pushes.load(ordering: .relaxed))
    }

    /// Rows in either tier.
    var count: Int { rowCount.load(ordering: .relaxed) }

    var hotRows: Int {
        shards.reduce(0) { sum, shard in sum + shard.lock.withLock { shard.count } }
    }

    func statistics(name: String) -> TableStatistics {
        var total = ShardStatistics()
        var hotRows = 0
        var hotBytes = 0
        var holds = 0
        for shard in shards {
            shard.lock.withLock {
                holds += shard.holds.count
                total += shard.statistics
                hotRows += shard.count
                hotBytes += shard.bytes
            }
        }
        // Rows that came since the shards were looked at would make it negative.
        let rows = max(hotRows, count)
        return TableStatistics(
            name: name, number: table, rows: rows,
            hot: .init(rows: hotRows, bytes: hotBytes),
            cold: .init(rows: rows - hotRows, bytes: cold.byteCount(table: table)),
            hits: total.hits, misses: total.misses, created: total.created,
            promotions: total.promotions, demotions: total.demotions, admission: nil,
            announced: .init(
                held: holds, readAhead: total.readAhead, hits: total.announcedHits),
            evictions: total.evictions, rounding: total.rounding)
    }
}
