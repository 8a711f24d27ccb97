internal import EmbeddingWire
internal import NIOCore

/// What has been read from a connection and is not decoded: mostly nothing, or the beginning of
/// a frame.
struct ReceiveBuffer {
    private var decoder: ConnectionDecoder<Hello>
    private var bytes = ByteBuffer()
    /// Of the body of a frame that was refused; they are dropped as they come.
    private var droppedBytesLeft = 0
    /// Whether the handshake message has been decoded.
    private(set) var isGreeted = false
    private let frameBytesMax: Int

    /// Most bytes of one read. A buffer that is larger was made for one long frame, and its pages
    /// are touched as they are written.
    static let readBytesMax = 256 << 10
    /// Room that a frame gets as soon as it is announced; it doubles as the frame comes.
    private static let reservedBytesMin = 64 << 10

    init(frameBytesMax: Int) {
        self.frameBytesMax = frameBytesMax
        decoder = ConnectionDecoder(frameBytesMax: frameBytesMax)
    }

    /// Whether a message has begun, or waits to be decoded.
    var isWithinMessage: Bool { bytes.readableBytes > 0 || droppedBytesLeft > 0 }

    /// What is kept in memory.
    var storageBytes: Int {
        bytes.readableBytes == 0
            ? 0 : min(bytes.storageCapacity, bytes.writerIndex + Self.readBytesMax)
    }

    mutating func append(_ read: ByteBuffer) {
        var read = read
        if droppedBytesLeft > 0 {
            let dropped = min(droppedBytesLeft, read.readableBytes)
            read.moveReaderIndex(forwardBy: dropped)
            droppedBytesLeft -= dropped
        }
        if bytes.readableBytes == 0 {
            bytes = read
        } else {
            bytes.writeBuffer(&read)
        }
    }

    /// The next message if it is here whole. Throws as the decoder does.
    mutating func next() throws -> ConnectionDecoder<Hello>.Message? {
        let message = try decoder.decode(buffer: &bytes)
        if message != nil { isGreeted = true }
        return message
    }

    /// Lets go of what has been decoded, and makes room for much of a long frame at once, though
    /// not for what has only been announced.
    mutating func trim() {
        if bytes.readableBytes == 0 {
            bytes = ByteBuffer()
        } else if bytes.readableBytes < bytes.storageCapacity / 4 {
            bytes = ByteBuffer(buffer: bytes)
        } else {
            bytes.discardReadBytes()
        }
        if let frame = begunFrame {
            bytes.reserveCapacity(
                min(frame.byteCount, max(Self.reservedBytesMin, 2 * bytes.readableBytes)))
        }
    }

    /// Forgets the frame that has begun; the rest of it is dropped as it comes.
    mutating func dropFrame() {
        guard let frame = begunFrame else { return }
        droppedBytesLeft = frame.byteCount - bytes.readableBytes
        bytes = ByteBuffer()
    }

    /// The frame whose header is here and whose body is not whole, and how long it is.
    var begunFrame: (header: FrameHeader, byteCount: Int)? {
        guard isGreeted, let header = FrameHeader(peekingAt: bytes),
            Int(header.bodyBytes) <= frameBytesMax
        else { return nil }
        let byteCount = FrameHeader.byteCount + Int(header.bodyBytes)
        return byteCount > bytes.readableBytes ? (header, byteCount) : nil
    }
}
