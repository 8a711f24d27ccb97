/// A small LRU window for what is new; behind it, a segmented LRU that lets an id in only if it seems
/// to be used more often than the one that would leave for it.
///
/// Einziger, Friedman and Manes: TinyLFU: a highly efficient cache admission policy, ACM Transactions
/// on Storage 13(4), 2017; with a window of 1 %, a fifth of the rest on probation, and frequencies that
/// halve after ten uses for each id that the cache has room for. Without the doorkeeper, which only
/// saves memory.
struct WTinyLFU: CachePolicy {
    private static let window = 0
    private static let probation = 1
    private static let protected = 2

    private let windowCapacity: Int
    private let mainCapacity: Int
    private let protectedCapacity: Int
    private var lists: IDLists
    private var sketch: UseSketch

    init(capacity: Int, _ stream: IDStream) {
        windowCapacity = max(1, capacity / 100)
        mainCapacity = capacity - windowCapacity
        protectedCapacity = mainCapacity * 4 / 5
        lists = IDLists(ids: stream.distinctCount, lists: 3)
        sketch = UseSketch(capacity: capacity)
    }

    mutating func use(_ id: Int) -> Bool {
        sketch.count(id)
        switch lists.list(of: id) {
        case Self.window:
            lists.move(id, to: Self.window)
            return true
        case Self.probation:
            lists.move(id, to: Self.protected)
            if lists.count(Self.protected) > protectedCapacity,
                let demoted = lists.oldest(Self.protected)
            {
                lists.move(demoted, to: Self.probation)
            }
            return true
        case Self.protected:
            lists.move(id, to: Self.protected)
            return true
        default:
            lists.add(id, to: Self.window)
            if lists.count(Self.window) > windowCapacity { admitOrEvict() }
            return false
        }
    }

    /// Lets the oldest id of the window into the main part, or drops it.
    private mutating func admitOrEvict() {
        guard let candidate = lists.removeOldest(Self.window) else { return }
        if lists.count(Self.probation) + lists.count(Self.protected) < mainCapacity {
            return lists.add(candidate, to: Self.probation)
        }
        let place = lists.count(Self.probation) > 0 ? Self.probation : Self.protected
        guard let victim = lists.oldest(place), sketch.uses(candidate) > sketch.uses(victim) else {
            return
        }
        lists.remove(victim)
        lists.add(candidate, to: Self.probation)
    }
}
