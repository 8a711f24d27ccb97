import Fuzzing
import NIOCore
import Testing

@testable import EmbeddingWire

/// Mutated golden messages: whatever comes, the codec answers with a value or a typed error, and
/// what it accepts says what was sent.
@Suite struct CodecFuzzTests {
    private let limits = Limits(frameBytesMax: 4096, idsMax: 64, requestsInFlightMax: 8)

    private func seeds(_ direction: GoldenFrame.Direction) -> [[UInt8]] {
        GoldenFrame.all(direction).map { Array(buffer: $0.bytes) }
    }

    /// Has the header announce the body that is there.
    private func repairLength(_ frame: inout [UInt8]) {
        guard frame.count >= FrameHeader.byteCount else { return }
        let bodyBytes = UInt32(frame.count - FrameHeader.byteCount)
        withUnsafeBytes(of: bodyBytes.littleEndian) { frame.replaceSubrange(0..<4, with: $0) }
    }

    @Test func requests() throws {
        try FuzzRun("request", seeds: seeds(.request)).run(repair: repairLength) { input in
            var stream = ByteBuffer(bytes: input)
            var decoder = FrameDecoder(frameBytesMax: limits.frameBytesMax)
            guard let frame = try decode(&stream, &decoder),
                let request = try? Request(frame, limits: limits, granted: .all)
            else { return false }
            let encoder = RequestEncoder(requestID: frame.header.requestID)
            let again = try request.encoded(by: encoder)
            let read = ByteBuffer(bytes: input[..<(input.count - stream.readableBytes)])
            if again != read { throw Broken("\(request) is not what was sent") }
            return true
        }
    }

    @Test func replies() throws {
        try FuzzRun("reply", seeds: seeds(.reply), cases: 8000).run(repair: repairLength) { input in
            var stream = ByteBuffer(bytes: input)
            var decoder = FrameDecoder(frameBytesMax: limits.frameBytesMax)
            guard let frame = try decode(&stream, &decoder) else { return false }
            try readEveryWay(frame)
            return true
        }
    }

    /// A frame, or nothing; anything but a refusal of its length is a failure.
    private func decode(_ stream: inout ByteBuffer, _ decoder: inout FrameDecoder) throws -> Frame?
    {
        let before = stream.readableBytes
        do {
            guard let frame = try decoder.decode(buffer: &stream) else {
                if stream.readableBytes != before { throw Broken("half a frame was taken") }
                return nil
            }
            let taken = before - stream.readableBytes
            guard taken == FrameHeader.byteCount + frame.body.readableBytes,
                frame.body.readableBytes == Int(frame.header.bodyBytes)
            else { throw Broken("a frame of \(taken) bytes with \(frame.header)") }
            return frame
        } catch is FrameTooLarge {
            return nil
        }
    }

    private func readEveryWay(_ frame: Frame) throws {
        try? frame.checkStatus()
        try? frame.checkEmpty()
        _ = try? frame.schema()
        _ = try? frame.tables()
        _ = try? frame.rowCount()
        _ = try? frame.json()
        for format in RowFormat.allCases {
            for hasFound in [true, false] {
                let layout = RowsLayout(rows: 3, dimension: 2, format: format, hasFound: hasFound)
                if let rows = try? frame.rows(layout), rows.count != 6 {
                    throw Broken("\(rows.count) values of 3 rows of 2")
                }
                if hasFound { _ = try? frame.found(layout) }
            }
        }
    }

    @Test func hellos() throws {
        try FuzzRun("hello", seeds: seeds(.hello)).run { input in
            var stream = ByteBuffer(bytes: input)
            guard let hello = try? Hello.read(from: &stream) else { return false }
            var again = ByteBuffer()
            hello.write(to: &again)
            if Array(buffer: again) != input.dropLast(stream.readableBytes) {
                throw Broken("\(hello) is not what was sent")
            }
            return true
        }
    }

    @Test func welcomes() throws {
        try FuzzRun("welcome", seeds: seeds(.welcome)).run { input in
            var stream = ByteBuffer(bytes: input)
            guard let welcome = try? Welcome.read(from: &stream) else { return false }
            var written = ByteBuffer()
            welcome.write(to: &written)
            guard try Welcome.read(from: &written)?.limits == welcome.limits else {
                throw Broken("\(welcome) is not read as it was written")
            }
            return true
        }
    }

    /// Cut anywhere, a stream gives the same messages and the same end.
    @Test func streams() throws {
        let requests = seeds(.request)
        let streams = seeds(.hello).flatMap { hello in
            stride(from: 0, to: requests.count, by: 5).map {
                hello + requests[$0..<min($0 + 5, requests.count)].joined()
            }
        }
        try FuzzRun("stream", seeds: streams, cases: 4000).run { input in
            let whole = messages([input[...]])
            let middle = input.count / 3
            let cut = messages([input[..<middle], input[middle...]])
            if whole != cut { throw Broken("\(cut) in two parts, \(whole) in one") }
            return !whole.contains("then")
        }
    }

    /// What a stream is read as: the number of its messages, and how it ended.
    private func messages(_ parts: [ArraySlice<UInt8>]) -> String {
        let processor = NIOSingleStepByteToMessageProcessor(
            ConnectionDecoder<Hello>(frameBytesMax: limits.frameBytesMax))
        var count = 0
        do {
            for part in parts {
                try processor.process(buffer: ByteBuffer(bytes: part)) { _ in count += 1 }
            }
            try processor.finishProcessing(seenEOF: true) { _ in count += 1 }
            return "\(count)"
        } catch {
            return "\(count), then \(error)"
        }
    }
}

extension Request {
    /// The frame that says this.
    fileprivate func encoded(by encoder: RequestEncoder) throws -> ByteBuffer {
        switch self {
        case .ping(let payload): encoder.ping(payload: Array(buffer: payload))
        case .createTable(let name, let schema, let ifExists):
            try encoder.createTable(name: name, schema: schema, ifExists: ifExists)
        case .openTable(let name): try encoder.openTable(name: name)
        case .listTables: encoder.listTables()
        case .dropTable(let table): encoder.dropTable(table)
        case .share(let byteCount): encoder.share(byteCount: byteCount)
        case .pull(let table, let ids, let create, let delivery):
            encoder.pull(
                table: table, ids: ids.array, create: create, format: delivery.format,
                place: delivery.place)
        case .push(let table, let dimension, let ids, let gradients):
            encoder.push(
                table: table, dimension: dimension, ids: ids.array, gradients: gradients.array)
        case .assign(let table, let dimension, let ids, let rows):
            encoder.assign(table: table, dimension: dimension, ids: ids.array, rows: rows.array)
        case .pool(let table, let bags, let create, let delivery):
            encoder.pool(
                table: table, mode: bags.mode, ids: bags.ids.array, offsets: bags.offsets.array,
                weights: bags.weights?.array, create: create, format: delivery.format,
                place: delivery.place)
        case .delete(let table, let ids): encoder.delete(table: table, ids: ids.array)
        case .admit(let table, let ids): encoder.admit(table: table, ids: ids.array)
        case .prefetch(let table, let ids): encoder.prefetch(table: table, ids: ids.array)
        case .count(let table): encoder.count(table: table)
        case .shrink(let table, let minFrequency, let maxAge):
            encoder.shrink(table: table, minFrequency: minFrequency, maxAge: maxAge)
        case .stats(let table): encoder.stats(table: table)
        case .checkpoint(let path): encoder.checkpoint(path: path)
        }
    }
}
