/// The keys of one request, hashed and ordered by shard.
///
/// Positions into a batch are *places* in shard order; `member(place)` gives the position in the request.
struct KeyBatch: ~Copyable {
    let count: Int
    private let keys: Keys
    private let hashes: UnsafeMutablePointer<UInt64>
    private let members: UnsafeMutablePointer<UInt32>
    private let starts: UnsafeMutablePointer<Int32>

    /// Orders the keys by the top bits of their hashes. O(n + shards).
    init(_ keys: Keys, hash: KeyHash, shardCount: Int) {
        let count = keys.count
        let shift = UInt64(64 - shardCount.trailingZeroBitCount)
        let unordered = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
        defer { unordered.deallocate() }
        starts = .allocate(capacity: shardCount + 1)
        starts.initialize(repeating: 0, count: shardCount + 1)
        for at in 0..<count {
            let hash = hash(keys[at])
            unordered[at] = hash
            starts[Self.shard(hash, shift) &+ 1] &+= 1
        }
        for shard in 0..<shardCount { starts[shard + 1] &+= starts[shard] }
        hashes = .allocate(capacity: count)
        members = .allocate(capacity: count)
        // Fills each shard's run; afterwards starts[s] has moved on to where s + 1 begins.
        for at in 0..<count {
            let shard = Self.shard(unordered[at], shift)
            let place = Int(starts[shard])
            starts[shard] &+= 1
            hashes[place] = unordered[at]
            members[place] = UInt32(truncatingIfNeeded: at)
        }
        for shard in stride(from: shardCount, to: 0, by: -1) { starts[shard] = starts[shard - 1] }
        starts[0] = 0
        self.keys = keys
        self.count = count
    }

    deinit {
        hashes.deallocate()
        members.deallocate()
        starts.deallocate()
    }

    @inline(__always)
    private static func shard(_ hash: UInt64, _ shift: UInt64) -> Int {
        Int(truncatingIfNeeded: hash >> shift)  // a shift by 64 gives 0: one shard
    }

    /// The places of a shard's keys.
    func places(of shard: Int) -> Range<Int> { Int(starts[shard])..<Int(starts[shard + 1]) }

    @inline(__always)
    func hash(_ place: Int) -> UInt64 { hashes[place] }

    @inline(__always)
    func member(_ place: Int) -> Int { Int(members[place]) }

    @inline(__always)
    func key(_ place: Int) -> UInt64 { keys[Int(members[place])] }
}
