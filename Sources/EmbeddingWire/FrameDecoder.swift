package import NIOCore

/// Cuts a stream of bytes into frames.
///
/// Bodies are slices of the stream's buffer and not copies. Throws ``FrameTooLarge`` as soon
/// as a header announces a body over the limit; the decoder is of no use after that.
package struct FrameDecoder: NIOSingleStepByteToMessageDecoder {
    package typealias InboundOut = Frame

    /// Longest body, in bytes.
    package var frameBytesMax: Int

    package init(frameBytesMax: Int) {
        self.frameBytesMax = frameBytesMax
    }

    package mutating func decode(buffer: inout ByteBuffer) throws -> Frame? {
        guard let header = FrameHeader(peekingAt: buffer) else { return nil }
        let bodyBytes = Int(header.bodyBytes)
        guard bodyBytes <= frameBytesMax else {
            throw FrameTooLarge(header: header, frameBytesMax: frameBytesMax)
        }
        guard buffer.readableBytes >= FrameHeader.byteCount + bodyBytes,
            let body = buffer.getSlice(
                at: buffer.readerIndex + FrameHeader.byteCount, length: bodyBytes)
        else { return nil }
        buffer.moveReaderIndex(forwardBy: FrameHeader.byteCount + bodyBytes)
        return Frame(header: header, body: body)
    }

    /// A frame that the end of the stream cuts short is dropped: its sender is gone.
    package mutating func decodeLast(
        buffer: inout ByteBuffer, seenEOF: Bool
    ) throws -> Frame? {
        try decode(buffer: &buffer)
    }
}
