import EmbeddingWire
import NIOCore
import Testing

@testable import EmbeddingServer

@Suite struct ReceiveBufferTests {
    private let encoder = RequestEncoder(requestID: 7)

    /// After a handshake.
    private func greeted() throws -> ReceiveBuffer {
        var received = ReceiveBuffer(frameBytesMax: 64 << 20)
        var hello = ByteBuffer()
        Hello().write(to: &hello)
        received.append(hello)
        _ = try #require(try received.next())
        return received
    }

    private func header(bodyBytes: UInt32) -> ByteBuffer {
        var bytes = ByteBuffer()
        FrameHeader(bodyBytes: bodyBytes, requestID: 7, operation: 0x10, options: .none, table: 1)
            .write(to: &bytes)
        return bytes
    }

    private func frame(_ message: ConnectionDecoder<Hello>.Message?) -> Frame? {
        guard case .frame(let frame) = message else { return nil }
        return frame
    }

    @Test func aSmallRestDoesNotKeepALargeBuffer() throws {
        var received = try greeted()
        var read = ByteBufferAllocator().buffer(capacity: 1 << 20)
        read.writeImmutableBuffer(encoder.ping(payload: [UInt8](repeating: 1, count: 1000)))
        read.writeImmutableBuffer(header(bodyBytes: 100))
        received.append(read)
        #expect(frame(try received.next())?.body.readableBytes == 1000)
        #expect(try received.next() == nil)
        received.trim()
        #expect(received.isWithinMessage)
        #expect(received.storageBytes <= 256)
        received.append(ByteBuffer(repeating: 3, count: 100))
        #expect(frame(try received.next())?.body == ByteBuffer(repeating: 3, count: 100))
        received.trim()
        #expect(!received.isWithinMessage)
        #expect(received.storageBytes == 0)
    }

    @Test func aFrameGetsRoomAsItComes() throws {
        var received = try greeted()
        received.append(header(bodyBytes: 64 << 20))
        received.trim()
        #expect(received.storageBytes <= 64 << 10)
        for _ in 0..<16 {
            received.append(ByteBuffer(repeating: 0, count: 64 << 10))
            received.trim()
        }
        #expect(received.begunFrame?.byteCount == 64 << 20 + 16)
        #expect(received.storageBytes <= 4 << 20)
    }

    /// However the bytes are cut, the frame behind a dropped one is whole.
    @Test(arguments: [1, 7, 16, 100, 1000, 5000])
    func aDroppedFrameIsSkippedExactly(bytesAtOnce: Int) throws {
        var received = try greeted()
        received.append(header(bodyBytes: 1000))
        received.append(ByteBuffer(repeating: 9, count: 10))
        #expect(try received.next() == nil)
        received.dropFrame()
        #expect(received.storageBytes == 0)
        #expect(received.isWithinMessage)
        var rest = ByteBuffer(repeating: 9, count: 990)
        rest.writeImmutableBuffer(encoder.ping(payload: [1, 2, 3]))
        var frames: [Frame] = []
        while let part = rest.readSlice(length: min(bytesAtOnce, rest.readableBytes)),
            part.readableBytes > 0
        {
            received.append(part)
            while let message = try received.next() { frames.append(try #require(frame(message))) }
            received.trim()
        }
        #expect(frames.map(\.body) == [ByteBuffer(bytes: [1, 2, 3])])
        #expect(!received.isWithinMessage)
    }
}
