/// The id that was used least often leaves, and of those the one that was used longest ago. Uses are
/// counted exactly, for ever, and also of ids that are not in the cache.
struct LFU: CachePolicy {
    private let capacity: Int
    private var uses: [Int]
    /// A list for each number of uses.
    private var lists: IDLists
    private var count = 0
    /// No id in the cache has fewer uses.
    private var usesMin = 0

    init(capacity: Int, _ stream: IDStream) {
        self.capacity = capacity
        uses = Array(repeating: 0, count: stream.distinctCount)
        lists = IDLists(ids: stream.distinctCount, lists: 1)
    }

    mutating func use(_ id: Int) -> Bool {
        uses[id] += 1
        if lists.list(of: id) != nil {
            lists.move(id, to: uses[id])
            return true
        }
        if count == capacity {
            while lists.count(usesMin) == 0 { usesMin += 1 }
            _ = lists.removeOldest(usesMin)
            count -= 1
        }
        lists.add(id, to: uses[id])
        usesMin = min(usesMin, uses[id])
        count += 1
        return false
    }
}
