import NIOCore
import Testing

@testable import EmbeddingWire

/// Bytes that no one meant: whatever comes, the codec answers with a value or a typed error.
@Suite struct GarbageTests {
    /// SplitMix64, so that a failure can be repeated from its seed.
    struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    private let limits = Limits(frameBytesMax: 4096, idsMax: 64, requestsInFlightMax: 8)

    @Test(arguments: [1, 20_261_122] as [UInt64])
    func randomFramesNeverCrash(seed: UInt64) throws {
        var random = Random(state: seed)
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

    /// Golden messages with some bytes changed reach deeper than noise does.
    @Test(arguments: [7, 8] as [UInt64])
    func changedMessagesNeverCrash(seed: UInt64) throws {
        var random = Random(state: seed)
        for _ in 0..<25_000 {
            let golden = GoldenFrame.everything.randomElement(using: &random)!
            var bytes = golden.bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let offset = Int.random(in: 0..<bytes.readableBytes, using: &random)
                bytes.setInteger(UInt8.random(in: 0...255, using: &random), at: offset)
            }
            read(bytes, of: golden)
        }
    }

    private func read(_ bytes: ByteBuffer, of golden: GoldenFrame) {
        var stream = bytes
        var decoder = FrameDecoder(frameBytesMax: limits.frameBytesMax)
        switch golden.direction {
        case .hello:
            _ = try? Hello.read(from: &stream)
        case .welcome:
            _ = try? Welcome.read(from: &stream)
        case .request:
            guard let frame = try? decoder.decode(buffer: &stream) else { return }
            _ = try? Request(frame, limits: limits, granted: .all)
        case .reply:
            guard let frame = try? decoder.decode(buffer: &stream) else { return }
            readEveryWay(frame)
        }
    }

    private func readEveryWay(_ frame: Frame) {
        try? frame.checkStatus()
        try? frame.checkEmpty()
        _ = try? frame.schema()
        _ = try? frame.tables()
        _ = try? frame.rowCount()
        _ = try? frame.json()
        for format in RowFormat.allCases {
            for hasFound in [true, false] {
                let layout = RowsLayout(rows: 3, dimension: 2, format: format, hasFound: hasFound)
                _ = try? frame.rows(layout)
                if hasFound { _ = try? frame.found(layout) }
            }
        }
    }

    @Test func randomStreamsNeverCrash() {
        var random = Random(state: 99)
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
