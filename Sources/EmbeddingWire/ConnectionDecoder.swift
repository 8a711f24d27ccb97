package import NIOCore

/// Cuts one direction of a connection into its handshake message and the frames that follow.
///
/// A server reads with `ConnectionDecoder<Hello>`, a client with `ConnectionDecoder<Welcome>`.
/// Throws ``WireError`` for a bad handshake and ``FrameTooLarge`` for a frame over the limit; the
/// decoder is of no use after either.
package struct ConnectionDecoder<First: HandshakeMessage>: NIOSingleStepByteToMessageDecoder {
    package enum Message: Sendable {
        case handshake(First)
        case frame(Frame)
    }
    package typealias InboundOut = Message

    private var frames: FrameDecoder
    private var handshakeDone = false

    /// - Parameter frameBytesMax: longest body in bytes. Where the handshake message announces
    ///   another limit, the smaller of the two holds.
    package init(frameBytesMax: Int) {
        frames = FrameDecoder(frameBytesMax: frameBytesMax)
    }

    package mutating func decode(buffer: inout ByteBuffer) throws -> Message? {
        if handshakeDone {
            return try frames.decode(buffer: &buffer).map(Message.frame)
        }
        guard let message = try First.read(from: &buffer) else { return nil }
        handshakeDone = true
        if let announced = message.frameBytesMax {
            frames.frameBytesMax = min(frames.frameBytesMax, announced)
        }
        return .handshake(message)
    }

    package mutating func decodeLast(
        buffer: inout ByteBuffer, seenEOF: Bool
    ) throws -> Message? {
        try decode(buffer: &buffer)
    }
}
