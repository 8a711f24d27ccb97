/// Spreads keys over shards, index slots and tags.
///
/// The salt is drawn when the process starts, so that nobody can choose ids that all meet in one
/// slot. Nothing that is stored depends on it.
struct KeyHash {
    let salt: UInt64

    static let processWide = KeyHash(salt: .random(in: .min ... .max))

    /// A bijection of 64 bits (the finisher of MurmurHash3 with the constants of splitmix64): top
    /// bits choose the shard, the middle the slot, the lowest byte is the tag.
    @inline(__always)
    func callAsFunction(_ key: UInt64) -> UInt64 {
        var hash = key ^ salt
        hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
        return hash ^ (hash >> 31)
    }
}
