import Fuzzing
import NIOCore
import Testing

@testable import EmbeddingWire

/// Bytes that no one meant: whatever comes, the codec answers with a value or a typed error.
/// `CodecFuzzTests` changes messages that someone meant.
@Suite struct GarbageTests {
    private let limits = Limits(frameBytesMax: 4096, idsMax: 64, requestsInFlightMax: 8)

    @Test(arguments: [1, 20_261_122] as [UInt64])
    func randomFramesNeverCrash(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var sound = 0
        var codes: Set<ErrorCode> = []
        for _ in 0..<50_000 {
            let bodyBytes = Int.random(in: 0...64, using: &random)
            let options: UInt8 =
                Bool.random(using: &random) ? 0 : UInt8.random(in: 0...20, using: &random)
            let operation =
                Bool.random(using: &random)
                ? Operation.allCases.randomElement(using: &random)!.rawValue
                : UInt8.random(in: 0...255, using: &random)
            let header = FrameHeader(
                bodyBytes: UInt32(bodyBytes), requestID: 1, operation: operation,
                options: FrameOptions(rawValue: options), status: 0,
                table: UInt32.random(in: 0...2, using: &random))
            var body = ByteBuffer()
            while body.readableBytes < bodyBytes {
                // Many zero bytes, so that counts are sometimes plausible.
                let mask = random.next() & random.next() & 0x0101_0101_0101_0101
                body.writeInteger(random.next() & (mask &* 0xFF))
            }
            body.moveWriterIndex(to: bodyBytes)
            do throws(WireError) {
                _ = try Request(
                    Frame(header: header, body: body), limits: limits, granted: .all)
                sound += 1
            } catch {
                codes.insert(error.code)
            }
        }
        #expect(
            codes == [.malformed, .unknownOperation, .unknownTable, .tooManyIds, .invalidSchema],
            "seed \(seed)")
        #expect(sound > 300, "seed \(seed): the frames were too wild to test anything")
    }

    @Test func randomStreamsNeverCrash() {
        var random = SeededRandom(seed: 99)
        for _ in 0..<2000 {
            let processor = NIOSingleStepByteToMessageProcessor(
                ConnectionDecoder<Hello>(frameBytesMax: limits.frameBytesMax))
            var stream = ByteBuffer()
            if Bool.random(using: &random) { Hello().write(to: &stream) }
            let noise = (0..<64).map { _ in UInt8.random(in: 0...255, using: &random) }
            stream.writeBytes(noise)
            try? processor.process(buffer: stream) { _ in }
        }
    }
}
