package import NIOCore

/// One request or reply as it came: the header, and the body as a slice of what was read.
package struct Frame: Hashable, Sendable {
    package var header: FrameHeader
    package var body: ByteBuffer

    package init(header: FrameHeader, body: ByteBuffer) {
        self.header = header
        self.body = body
    }
}

/// A frame whose body is longer than the limit; thrown when its header has come.
///
/// The body is not waited for, so nothing that follows on the connection can be read.
package struct FrameTooLarge: Error, Hashable, Sendable {
    package var header: FrameHeader
    package var frameBytesMax: Int

    /// What the sender of the frame is told before the connection closes.
    package var wireError: WireError {
        WireError(
            .tooLarge,
            "a body of \(header.bodyBytes) bytes; the longest allowed is \(frameBytesMax)")
    }
}
