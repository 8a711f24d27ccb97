internal import EmbeddingStore
internal import EmbeddingWire
internal import NIOCore

/// A reply of rows while it is being filled, perhaps first on the event loop and then on a disk
/// thread: rows are written straight into the frame that is sent.
final class PulledRows: @unchecked Sendable {
    // Handed from one thread to the next, never used by two.
    private(set) var frame: ByteBuffer
    private let layout: RowsLayout

    init(_ reply: Reply, _ layout: RowsLayout) {
        frame = reply.beginRows(layout)
        frame.writeWithUnsafeMutableBytes(minimumWritableBytes: layout.byteCount) { _ in
            layout.byteCount
        }
        self.layout = layout
        frame.withUnsafeMutableReadableBytes { bytes in
            let found = UnsafeMutableRawBufferPointer(
                rebasing: bytes[(FrameHeader.byteCount + layout.rowBytes)...])
            found.initializeMemory(as: UInt8.self, repeating: 0)
        }
    }

    func withOutput<Result, Failure: Error>(
        _ body: (RowOutput, FoundBits?) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let outcome: Swift.Result<Result, Failure> = frame.withUnsafeMutableReadableBytes { bytes in
            let rows = UnsafeMutableRawBufferPointer(
                rebasing: bytes[FrameHeader.byteCount..<FrameHeader.byteCount + layout.rowBytes])
            let found = UnsafeMutableRawBufferPointer(
                rebasing: bytes[(FrameHeader.byteCount + layout.rowBytes)...])
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
