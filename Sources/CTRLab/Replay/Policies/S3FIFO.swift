/// Three queues: a small one that new ids have to get through, a main one for those that were used
/// again, and a list of those that did not get through.
///
/// Yang, Zhang, Qiu, Yue and Rashmi: FIFO queues are all you need for cache eviction, SOSP 2023; with
/// a tenth of the cache for the small queue and as many ghosts as ids in the main one.
struct S3FIFO: CachePolicy {
    private static let small = 0
    private static let main = 1
    private static let ghosts = 2
    private static let usesMax: UInt8 = 3

    private let capacity: Int
    private let smallCapacity: Int
    private var queues: IDLists
    /// Since the id came into the queue that it is in.
    private var uses: [UInt8]

    init(capacity: Int, _ stream: IDStream) {
        self.capacity = capacity
        smallCapacity = max(1, capacity / 10)
        queues = IDLists(ids: stream.distinctCount, lists: 3)
        uses = Array(repeating: 0, count: stream.distinctCount)
    }

    mutating func use(_ id: Int) -> Bool {
        let queue = queues.list(of: id)
        if let queue, queue != Self.ghosts {
            uses[id] = min(uses[id] + 1, Self.usesMax)
            return true
        }
        if queue == Self.ghosts { queues.remove(id) }
        while queues.count(Self.small) + queues.count(Self.main) >= capacity { evict() }
        uses[id] = 0
        queues.add(id, to: queue == Self.ghosts ? Self.main : Self.small)
        return false
    }

    private mutating func evict() {
        if queues.count(Self.small) >= smallCapacity || queues.count(Self.main) == 0 {
            evictFromSmall()
        } else {
            evictFromMain()
        }
    }

    private mutating func evictFromSmall() {
        while let id = queues.removeOldest(Self.small) {
            guard uses[id] > 1 else {
                queues.add(id, to: Self.ghosts)
                if queues.count(Self.ghosts) > capacity - smallCapacity {
                    _ = queues.removeOldest(Self.ghosts)
                }
                return
            }
            uses[id] = 0
            queues.add(id, to: Self.main)
            if queues.count(Self.main) > capacity - smallCapacity { return evictFromMain() }
        }
    }

    private mutating func evictFromMain() {
        while let id = queues.removeOldest(Self.main), uses[id] > 0 {
            uses[id] -= 1
            queues.add(id, to: Self.main)
        }
    }
}
