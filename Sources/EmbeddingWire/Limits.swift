/// What a server reads and answers at most; announced in its Welcome.
package struct Limits: Hashable, Sendable {
    /// Longest body that the server reads or writes, in bytes.
    package var frameBytesMax: Int
    /// Most ids in one request.
    package var idsMax: Int
    /// Requests a client may have unanswered; beyond it the server stops reading.
    package var requestsInFlightMax: Int

    /// Each limit is at least 1 and fits in 32 bits, as on the wire.
    package init(frameBytesMax: Int, idsMax: Int, requestsInFlightMax: Int) {
        for limit in [frameBytesMax, idsMax, requestsInFlightMax] {
            precondition(limit >= 1 && UInt32(exactly: limit) != nil, "no such limit: \(limit)")
        }
        self.frameBytesMax = frameBytesMax
        self.idsMax = idsMax
        self.requestsInFlightMax = requestsInFlightMax
    }
}
