/// The keys of one request, hashed and ordered by shard.
///
/// Positions into a batch are *places* in shard order; `member(place)` gives the position in the
/// request.
@safe struct KeyBatch: ~Copyable {
    let count: Int
    private let keys: Keys
    private let hashes: UnsafeMutablePointer<UInt64>
    private let members: UnsafeMutablePointer<UInt32>
    private let starts: UnsafeMutablePointer<Int32>

    /// Orders the keys by the top bits of their hashes. O(n + shards).
    init(_ keys: Keys, hash: KeyHash, shardCount: Int) {
        let count = unsafe keys.count
        let shift = UInt64(64 - shardCount.trailingZeroBitCount)
        let unordered = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
        defer { unsafe unordered.deallocate() }
        unsafe starts = .allocate(capacity: shardCount + 1)
        unsafe starts.initialize(repeating: 0, count: shardCount + 1)
        for at in 0..<count {
            let hash = unsafe hash(keys[at])
            unsafe unordered[at] = hash
            unsafe starts[Self.shard(hash, shift) &+ 1] &+= 1
        }
        for shard in 0..<shardCount { unsafe starts[shard + 1] &+= starts[shard] }
        unsafe hashes = .allocate(capacity: count)
        unsafe members = .allocate(capacity: count)
        // Fills each shard's run; afterwards starts[s] has moved on to where s + 1 begins.
        for at in 0..<count {
            let shard = unsafe Self.shard(unordered[at], shift)
            let place = unsafe Int(starts[shard])
            unsafe starts[shard] &+= 1
            unsafe hashes[place] = unsafe unordered[at]
            unsafe members[place] = UInt32(truncatingIfNeeded: at)
        }
        for shard in stride(from: shardCount, to: 0, by: -1) {
            unsafe starts[shard] = unsafe starts[shard - 1]
        }
        unsafe starts[0] = 0
        unsafe self.keys = unsafe keys
        self.count = count
    }

    deinit {
        unsafe hashes.deallocate()
        unsafe members.deallocate()
        unsafe starts.deallocate()
    }

    @inline(__always)
    private static func shard(_ hash: UInt64, _ shift: UInt64) -> Int {
        Int(truncatingIfNeeded: hash >> shift)  // a shift by 64 gives 0: one shard
    }

    /// The places of a shard's keys.
    func places(of shard: Int) -> Range<Int> { unsafe Int(starts[shard])..<Int(starts[shard + 1]) }

    @inline(__always)
    func hash(_ place: Int) -> UInt64 { unsafe hashes[place] }

    @inline(__always)
    func member(_ place: Int) -> Int { unsafe Int(members[place]) }

    @inline(__always)
    func key(_ place: Int) -> UInt64 { unsafe keys[Int(members[place])] }
}
