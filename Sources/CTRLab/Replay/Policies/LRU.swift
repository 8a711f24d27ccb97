/// The id that was used longest ago leaves.
struct LRU: CachePolicy {
    private let capacity: Int
    private var lists: IDLists

    init(capacity: Int, _ stream: IDStream) {
        self.capacity = capacity
        lists = IDLists(ids: stream.distinctCount, lists: 1)
    }

    mutating func use(_ id: Int) -> Bool {
        if lists.list(of: id) != nil {
            lists.move(id, to: 0)
            return true
        }
        if lists.count(0) == capacity { _ = lists.removeOldest(0) }
        lists.add(id, to: 0)
        return false
    }
}
