/// The best that is possible: who knows the future keeps the ids that come again soonest, and does not
/// take in one that comes later than all of them.
///
/// Belady: A study of replacement algorithms for a virtual-storage computer, IBM Systems Journal 5(2),
/// 1966.
struct Belady: CachePolicy {
    private let capacity: Int
    private let ids: [UInt32]
    /// For each place of the stream, the next one with the same id; past its end for none.
    private var next: [Int]
    private var isCached: [Bool]
    private var count = 0
    /// Where the cached ids come next, the latest on top. Places that the stream has passed sink to
    /// the bottom and are never seen again.
    private var latest = MaxHeap()
    private var place = 0

    init(capacity: Int, _ stream: IDStream) {
        self.capacity = capacity
        ids = stream.ids
        next = Array(repeating: .max, count: ids.count)
        var last = [Int](repeating: .max, count: stream.distinctCount)
        for place in ids.indices.reversed() {
            next[place] = last[Int(ids[place])]
            last[Int(ids[place])] = place
        }
        isCached = Array(repeating: false, count: stream.distinctCount)
    }

    mutating func use(_ id: Int) -> Bool {
        defer { place += 1 }
        let hit = isCached[id]
        let next = next[place]
        if next == .max {
            if hit { drop(id) }
            return hit
        }
        if !hit {
            if count == capacity {
                guard let top = latest.top, top > next else { return false }
                drop(Int(ids[latest.removeTop()]))
            }
            isCached[id] = true
            count += 1
        }
        latest.add(next)
        return hit
    }

    private mutating func drop(_ id: Int) {
        isCached[id] = false
        count -= 1
    }
}

/// A binary heap with the largest number on top.
struct MaxHeap {
    private var numbers: [Int] = []

    var top: Int? { numbers.first }

    mutating func add(_ number: Int) {
        numbers.append(number)
        var child = numbers.count - 1
        while child > 0, numbers[(child - 1) / 2] < numbers[child] {
            numbers.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func removeTop() -> Int {
        numbers.swapAt(0, numbers.count - 1)
        let top = numbers.removeLast()
        var parent = 0
        while true {
            var largest = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < numbers.count {
                if numbers[child] > numbers[largest] { largest = child }
            }
            if largest == parent { return top }
            numbers.swapAt(parent, largest)
            parent = largest
        }
    }
}
