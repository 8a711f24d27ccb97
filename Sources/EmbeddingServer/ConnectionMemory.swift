internal import EmbeddingWire

/// What one connection holds, and its lease on the memory of all.
///
/// The lease is ahead of what is held while requests are being read, so that the shared count is
/// touched once or twice for a batch of them and not for each.
struct ConnectionMemory {
    /// Storage of what has been read and is not decoded.
    var receivedBytes = 0
    /// Requests that wait for the disk or for a write before them, and the room for their replies.
    var inFlightBytes = 0
    /// Replies that the socket has not taken.
    var unsentBytes = 0

    private let shared: RequestMemory
    private var leasedBytes = 0

    private static let leaseBytes = 64 << 10

    init(of shared: RequestMemory) { self.shared = shared }

    var heldBytes: Int { receivedBytes + inFlightBytes + unsentBytes }

    var isFull: Bool { shared.isFull }

    /// Makes sure that so many bytes may be held on top of what is.
    ///
    /// Throws `overloaded`, or `tooLarge` for what does not fit in an empty server.
    mutating func reserve(_ bytes: Int) throws(WireError) {
        let needed = heldBytes + bytes - leasedBytes
        if needed <= 0 { return }
        if shared.take(max(needed, Self.leaseBytes)) {
            leasedBytes += max(needed, Self.leaseBytes)
        } else if shared.take(needed) {
            leasedBytes += needed
        } else {
            throw Self.refusal(bytes, max: shared.limitBytes)
        }
    }

    /// Makes sure that what is held may stay so while a request waits that takes `bytes` of it, or
    /// will. Throws as ``reserve(_:)``.
    mutating func reserveWaiting(_ bytes: Int) throws(WireError) {
        settle()
        guard shared.hasRoomToWait, bytes <= shared.waitingBytesMax else {
            throw Self.refusal(bytes, max: shared.waitingBytesMax)
        }
    }

    /// Makes the lease what is held.
    mutating func settle() {
        let change = heldBytes - leasedBytes
        if change > 0 { shared.takeHeld(change) }
        if change < 0 { shared.giveBack(-change) }
        leasedBytes = heldBytes
    }

    private static func refusal(_ bytes: Int, max: Int) -> WireError {
        bytes > max
            ? WireError(.tooLarge, "a request of \(bytes) bytes; all may take \(max)")
            : WireError(
                .overloaded, "requests hold as much memory as they may",
                retryAfterMs: RequestMemory.retryAfterMs)
    }
}
