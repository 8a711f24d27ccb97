/// A cache of ids by one policy: which of them are in it after each use, and nothing else.
protocol CachePolicy {
    /// Room for `capacity` ids, of those that the stream is about to use.
    init(capacity: Int, _ stream: IDStream)

    /// Uses the next id of the stream; returns whether the cache had it.
    mutating func use(_ id: Int) -> Bool
}

extension CachePolicy {
    /// The hits of a whole stream.
    static func hits(_ stream: IDStream, capacity: Int) -> Int {
        var cache = Self(capacity: capacity, stream)
        return stream.ids.count { cache.use(Int($0)) }
    }
}
