internal import EmbeddingStore
internal import EmbeddingWire
internal import NIOCore

/// A reply of rows while it is being filled, perhaps first on the event loop and then on a disk
/// thread: rows are written straight into the frame that is sent, or into the memory that the client
/// shares.
final class PulledRows: @unchecked Sendable {
    // Handed from one thread to the next, never used by two.
    private(set) var frame: ByteBuffer
    private let layout: RowsLayout
    /// Where the rows go if not into the frame, and what keeps it there.
    private let placed: (bytes: UnsafeMutableRawBufferPointer, memory: ReplyMemory)?

    /// - Throws: `malformed` for a place that is not in what is shared.
    init(
        _ reply: Reply, _ layout: RowsLayout, at place: UInt64?, in sharing: ConnectionSharing
    ) throws(WireError) {
        self.layout = layout
        if let place {
            guard let memory = sharing.memory else {
                throw WireError(.malformed, "no memory is shared")
            }
            placed = (try memory.part(at: place, byteCount: layout.byteCount), memory)
            frame = reply.empty()
        } else {
            placed = nil
            frame = reply.beginRows(layout)
            frame.writeWithUnsafeMutableBytes(minimumWritableBytes: layout.byteCount) { _ in
                layout.byteCount
            }
        }
        withBytes { bytes in
            let found = UnsafeMutableRawBufferPointer(rebasing: bytes[layout.rowBytes...])
            found.initializeMemory(as: UInt8.self, repeating: 0)
        }
    }

    private func withBytes<Result>(_ body: (UnsafeMutableRawBufferPointer) -> Result) -> Result {
        if let placed { return body(placed.bytes) }
        return frame.withUnsafeMutableReadableBytes { bytes in
            body(UnsafeMutableRawBufferPointer(rebasing: bytes[FrameHeader.byteCount...]))
        }
    }

    func withOutput<Result, Failure: Error>(
        _ body: (RowOutput, FoundBits?) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let outcome: Swift.Result<Result, Failure> = withBytes { bytes in
            let rows = UnsafeMutableRawBufferPointer(rebasing: bytes[..<layout.rowBytes])
            let found = UnsafeMutableRawBufferPointer(rebasing: bytes[layout.rowBytes...])
            let output = RowOutput(
                rows, format: .init(layout.format), rows: layout.rows, dimension: layout.dimension)
            do throws(Failure) {
                return .success(try body(output, layout.hasFound ? FoundBits(found) : nil))
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }
}
