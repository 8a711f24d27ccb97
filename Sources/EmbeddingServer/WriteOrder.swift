/// Keeps one connection's promise that a request sees every earlier write to what it names, while
/// everything else may overtake.
///
/// Only writes that wait for the disk are here; the usual write is over before the next request is
/// read.
struct WriteOrder {
    /// In the order in which they came.
    private var writes: [PendingRequest] = []

    /// Behind more pending writes than these a request is not compared id by id with each, which
    /// would hold up the event loop; it waits for all of them that are about its table.
    private static let comparedWritesMax = 16

    var isEmpty: Bool { writes.isEmpty }

    /// Whether `request` has to wait; then it is returned by the `ended` of the last write that it
    /// waits for.
    mutating func mustWait(_ request: PendingRequest) -> Bool {
        let idByID = writes.count <= Self.comparedWritesMax
        for write in writes where write.touches(request, idByID: idByID) {
            write.followers.append(request)
            request.waitsFor += 1
        }
        guard request.waitsFor > 0 else { return false }
        began(request)
        return true
    }

    /// Notes a request that is not answered at once.
    mutating func began(_ request: PendingRequest) {
        if request.request.changesRows, !writes.contains(where: { $0 === request }) {
            writes.append(request)
        }
    }

    /// Forgets a request that has been answered, and returns those that waited for nothing else.
    mutating func ended(_ request: PendingRequest) -> [PendingRequest] {
        if request.request.changesRows { writes.removeAll { $0 === request } }
        return request.followers.filter { follower in
            follower.waitsFor -= 1
            return follower.waitsFor == 0
        }
    }
}
