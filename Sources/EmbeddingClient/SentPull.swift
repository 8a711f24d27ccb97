internal import EmbeddingWire
internal import NIOCore

/// A pull whose rows are under way: in the reply, or in a part of the memory that is shared.
struct SentPull {
    let layout: RowsLayout
    let reply: EventLoopFuture<Frame>
    let shared: SharedReplies?
    let part: SharedReplies.Part?

    /// Waits for the rows. Throws the error that the reply carries.
    ///
    /// A part stays in use for good when no reply comes: the server may still write to it.
    func rows() async throws -> PulledRows {
        let reply = try await reply.get()
        defer { if let part { shared?.giveBack(part) } }
        try reply.checkStatus()
        guard let shared, let part else {
            return PulledRows(
                dimension: layout.dimension, values: try reply.rows(layout),
                found: layout.hasFound ? try reply.found(layout) : nil)
        }
        try reply.checkEmpty()
        return shared.withBytes(of: part) { bytes in
            PulledRows(
                dimension: layout.dimension, values: layout.decodeRows(bytes),
                found: layout.hasFound ? layout.decodeFound(bytes) : nil)
        }
    }
}
