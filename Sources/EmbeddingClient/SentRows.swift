internal import EmbeddingWire
internal import NIOCore

/// A pull or pool whose rows are under way: in the reply, or in a part of the memory that is shared.
struct SentRows {
    let layout: RowsLayout
    let reply: EventLoopFuture<Frame>
    var part: SharedReplies.Part?

    /// Waits for the rows. Throws the error that the reply carries.
    func rows() async throws -> PulledRows {
        let reply = try await reply.get()
        try reply.checkStatus()
        guard let part else {
            return PulledRows(
                dimension: layout.dimension, values: try reply.rows(layout),
                found: layout.hasFound ? try reply.found(layout) : nil)
        }
        try reply.checkEmpty()
        return part.withBytes { bytes in
            PulledRows(
                dimension: layout.dimension, values: layout.decodeRows(bytes),
                found: layout.hasFound ? layout.decodeFound(bytes) : nil)
        }
    }
}
