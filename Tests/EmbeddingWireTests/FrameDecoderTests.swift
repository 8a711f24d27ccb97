import NIOCore
import Testing

@testable import EmbeddingWire

@Suite struct FrameDecoderTests {
    private static let requests = GoldenFrame.all(.request) + GoldenFrame.all(.reply)

    private func frames(_ pieces: [ByteBuffer]) throws -> [Frame] {
        let processor = NIOSingleStepByteToMessageProcessor(FrameDecoder(frameBytesMax: 1 << 20))
        var frames: [Frame] = []
        for piece in pieces { try processor.process(buffer: piece) { frames.append($0) } }
        try processor.finishProcessing(seenEOF: true) { frames.append($0) }
        #expect(processor.unprocessedBytes == 0)
        return frames
    }

    @Test func anyCutOfTheStreamGivesTheSameFrames() throws {
        var stream = ByteBuffer()
        for golden in Self.requests { stream.writeImmutableBuffer(golden.bytes) }
        let whole = try frames([stream])
        #expect(whole.count == Self.requests.count)
        for (frame, golden) in zip(whole, Self.requests) {
            var encoded = ByteBuffer()
            frame.header.write(to: &encoded)
            encoded.writeImmutableBuffer(frame.body)
            #expect(encoded == golden.bytes)
        }
        for pieceBytes in [1, 2, 3, 15, 16, 17, 61, 1000] {
            let bytes = Array(buffer: stream)
            let pieces = stride(from: 0, to: bytes.count, by: pieceBytes).map {
                ByteBuffer(bytes: bytes[$0..<min($0 + pieceBytes, bytes.count)])
            }
            #expect(try frames(pieces) == whole)
        }
    }

    @Test func aBodyOverTheLimitIsRefusedByItsHeaderAlone() throws {
        for bodyBytes: UInt32 in [101, 1 << 20, 0x7FFF_FFFF, 0x8000_0000, .max] {
            let header = FrameHeader(
                bodyBytes: bodyBytes, requestID: 77, operation: 0x10, options: .none, table: 3)
            var stream = ByteBuffer()
            header.write(to: &stream)
            let capacity = stream.capacity
            var decoder = FrameDecoder(frameBytesMax: 100)
            let error = try #require(throws: FrameTooLarge.self) {
                try decoder.decode(buffer: &stream)
            }
            #expect(error.header == header)
            #expect(error.wireError.code == .tooLarge)
            #expect(stream.capacity == capacity)
        }
    }

    @Test func aBodyAtTheLimitIsTaken() throws {
        let header = FrameHeader(bodyBytes: 100, requestID: 1, operation: 1, options: .none)
        var stream = ByteBuffer()
        header.write(to: &stream)
        stream.writeRepeatingByte(9, count: 100)
        var decoder = FrameDecoder(frameBytesMax: 100)
        #expect(try decoder.decode(buffer: &stream)?.body.readableBytes == 100)
    }

    @Test func bodiesAreSlicesAndNotCopies() throws {
        var stream = RequestEncoder().pull(table: 1, ids: [1, 2, 3], create: true)
        let start = stream.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress!) }
        var decoder = FrameDecoder(frameBytesMax: 100)
        let frame = try #require(try decoder.decode(buffer: &stream))
        let bodyStart = frame.body.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress!) }
        #expect(bodyStart == start + UInt(FrameHeader.byteCount))
    }

    @Test func aConnectionIsAHandshakeAndThenFrames() throws {
        let limits = Limits(frameBytesMax: 64, idsMax: 8, requestsInFlightMax: 2)
        var stream = ByteBuffer()
        Welcome(version: 1, capabilities: .all, limits: limits).write(to: &stream)
        let ping = RequestEncoder().ping(payload: [1, 2, 3])
        stream.writeImmutableBuffer(ping)
        stream.writeImmutableBuffer(
            RequestEncoder().ping(payload: [UInt8](repeating: 0, count: 65)))

        let processor = NIOSingleStepByteToMessageProcessor(
            ConnectionDecoder<Welcome>(frameBytesMax: 1 << 30))
        var handshakes = 0
        var pings = 0
        // The limit that the Welcome announces holds for what follows it.
        #expect(throws: FrameTooLarge.self) {
            for byte in Array(buffer: stream) {
                try processor.process(buffer: ByteBuffer(integer: byte)) { message in
                    switch message {
                    case .handshake(let welcome):
                        #expect(welcome.limits == limits)
                        handshakes += 1
                    case .frame(let frame):
                        #expect(Array(buffer: frame.body) == [1, 2, 3])
                        pings += 1
                    }
                }
            }
        }
        #expect(handshakes == 1)
        #expect(pings == 1)
    }
}
