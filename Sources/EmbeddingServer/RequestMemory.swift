internal import EmbeddingWire
internal import Synchronization

/// The bytes that requests and replies of all connections hold, against one limit.
///
/// Connections lease from it (``ConnectionMemory``). Past the limit new requests are refused, and
/// nothing waits here: whatever waited for memory that other connections hold could deadlock.
final class RequestMemory: Sendable {
    let limitBytes: Int
    private let taken = Atomic<Int>(0)
    private let shared = Atomic<Int>(0)

    /// When to try again: memory comes back as the disk answers and clients read.
    static let retryAfterMs: UInt32 = 100

    init(limitBytes: Int) { self.limitBytes = limitBytes }

    /// Bytes leased by all connections.
    var takenBytes: Int { taken.load(ordering: .relaxed) }

    /// What may be taken for a request to be kept that waits for the disk or for its sender. The
    /// last quarter is left to requests that memory can answer at once, so that these are not stuck
    /// behind those.
    var waitingBytesMax: Int { limitBytes - limitBytes / 4 }

    var hasRoomToWait: Bool { takenBytes <= waitingBytesMax }

    var isFull: Bool { takenBytes >= limitBytes }

    /// Takes `bytes` unless that would pass the limit.
    func take(_ bytes: Int) -> Bool {
        if taken.wrappingAdd(bytes, ordering: .relaxed).newValue <= limitBytes { return true }
        taken.wrappingSubtract(bytes, ordering: .relaxed)
        return false
    }

    /// Counts bytes that are held already.
    func takeHeld(_ bytes: Int) { taken.wrappingAdd(bytes, ordering: .relaxed) }

    func giveBack(_ bytes: Int) { taken.wrappingSubtract(bytes, ordering: .relaxed) }

    // MARK: memory that clients share

    /// Beside the limit: it is held for as long as connections last, and no request has to wait for it.
    var sharedBytesMax: Int { limitBytes / 4 }

    var sharedBytes: Int { shared.load(ordering: .relaxed) }

    /// Takes `bytes` unless all clients would share more than they may.
    func share(_ bytes: Int) -> Bool {
        if shared.wrappingAdd(bytes, ordering: .relaxed).newValue <= sharedBytesMax { return true }
        endShare(bytes)
        return false
    }

    func endShare(_ bytes: Int) { shared.wrappingSubtract(bytes, ordering: .relaxed) }
}
