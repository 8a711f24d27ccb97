internal import EmbeddingWire
internal import NIOCore

/// Mutated requests to a server: mostly with sound framing, so that connections live long.
package struct FrameGarbage {
    /// What the requests name, and what they never do.
    package struct Tables: Sendable {
        /// Number and dimension of tables that may be changed, dropped and made again.
        package var victims: [(number: UInt32, dimension: Int)]
        /// Names that `createTable` may ask for.
        package let names: [String]
        /// No frame with this number in its header writes.
        package let untouched: UInt32

        package init(
            victims: [(number: UInt32, dimension: Int)], names: [String], untouched: UInt32
        ) {
            self.victims = victims
            self.names = names
            self.untouched = untouched
        }
    }

    package var tables: Tables
    private var random: SeededRandom
    private var seeds: [[UInt8]] = []
    private var framesOfSeeds = 0

    private static let seedCount = 128
    private static let framesPerSeeds = 20_000

    package init(_ tables: Tables, seed: UInt64) {
        self.tables = tables
        random = SeededRandom(seed: seed)
    }

    /// A mutated request with sound framing and this id.
    package mutating func frame(requestID: UInt32) -> [UInt8] {
        if framesOfSeeds == 0 {
            seeds = (0..<Self.seedCount).map { _ in request() }
            framesOfSeeds = Self.framesPerSeeds
        }
        framesOfSeeds -= 1
        var frame = seeds[random.below(seeds.count)]
        if random.oneIn(3) { mutateHeader(&frame) }
        if frame.count == FrameHeader.byteCount || random.oneIn(8) {
            if random.oneIn(2) { mutateHeader(&frame) }
        } else {
            let other = seeds[random.below(seeds.count)]
            Mutator.mutate(&frame, from: FrameHeader.byteCount, other: other, using: &random)
        }
        keepHarmless(&frame)
        store(UInt32(frame.count - FrameHeader.byteCount), in: &frame, at: 0)
        store(requestID, in: &frame, at: 4)
        return frame
    }

    /// A frame whose length is wrong, and noise behind it that cannot be read as a request.
    package mutating func unsoundTail(requestID: UInt32) -> [UInt8] {
        var frame = frame(requestID: requestID)
        store(
            UInt32(truncatingIfNeeded: random.next()) >> UInt32(random.below(32)), in: &frame, at: 0
        )
        for _ in 0..<random.below(4096) {
            frame.append(UInt8(truncatingIfNeeded: random.next()) | 0x80)
        }
        return frame
    }

    /// A first message that is no Hello.
    package mutating func wrongHello() -> [UInt8] {
        var buffer = ByteBuffer()
        Hello().write(to: &buffer)
        var hello = Array(buffer: buffer)
        Mutator.mutate(&hello, other: seeds.first ?? [], using: &random)
        return hello
    }

    private mutating func mutateHeader(_ frame: inout [UInt8]) {
        switch random.below(4) {
        case 0: frame[8] = UInt8(truncatingIfNeeded: random.next()) & 0x2F  // operation
        case 1: frame[9] = UInt8(truncatingIfNeeded: random.next()) & 0x3F  // options
        case 2: frame[10 + random.below(2)] = UInt8(random.below(32))  // status
        default: store(UInt32(random.below(256)), in: &frame, at: 12)  // table
        }
    }

    /// Nothing may write to the table that is never named, nor to a folder of the machine.
    private mutating func keepHarmless(_ frame: inout [UInt8]) {
        let table = frame[12..<16].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        if table == tables.untouched {
            let operation = Operation(rawValue: frame[8])
            // What only reads may name it; other options than `create` may not turn into that.
            if ![.pull, .count, .stats].contains(operation) || frame[9] & 0x10 != 0 {
                store(victim().number, in: &frame, at: 12)
            }
        }
        if frame[8] == Operation.checkpoint.rawValue, frame.count > FrameHeader.byteCount,
            frame[FrameHeader.byteCount] == UInt8(ascii: "/")
        {
            // Below a file there is no folder.
            let harmless = Array("/dev/null/".utf8)
            frame.replaceSubrange(
                FrameHeader.byteCount..<min(frame.count, FrameHeader.byteCount + harmless.count),
                with: harmless)
            for at in FrameHeader.byteCount..<frame.count where frame[at] == UInt8(ascii: ".") {
                frame[at] = UInt8(ascii: "_")
            }
        }
    }

    private func store(_ number: UInt32, in frame: inout [UInt8], at offset: Int) {
        for place in 0..<4 {
            frame[offset + place] = UInt8(truncatingIfNeeded: number >> (8 * UInt32(place)))
        }
    }

    private mutating func victim() -> (number: UInt32, dimension: Int) {
        tables.victims[random.below(tables.victims.count)]
    }

    /// Where rows go: mostly into the reply, and else to a place that may be shared.
    private mutating func place() -> UInt64? {
        random.oneIn(4) ? UInt64(64 * random.below(1 << 12)) : nil
    }

    /// A request as a client would send it.
    private mutating func request() -> [UInt8] {
        let encoder = RequestEncoder()
        let (table, dimension) = victim()
        let ids = self.ids()
        let buffer: ByteBuffer
        switch random.below(100) {
        case 0..<30:
            buffer = encoder.pull(
                table: table, ids: ids, create: random.oneIn(2),
                format: RowFormat.allCases[random.below(3)], place: place())
        case 30..<55:
            buffer = encoder.push(
                table: table, dimension: dimension, ids: ids,
                gradients: floats(ids.count * dimension))
        case 55..<65:
            buffer = encoder.assign(
                table: table, dimension: dimension, ids: ids, rows: floats(ids.count * dimension))
        case 65..<75:
            let isSum = random.oneIn(2)
            buffer = encoder.pool(
                table: table, mode: isSum ? .sum : .mean, ids: ids,
                offsets: ids.isEmpty ? [] : [0, UInt64(ids.count / 2)],
                weights: isSum ? floats(ids.count) : nil, create: random.oneIn(2), place: place())
        case 75..<79:
            buffer = encoder.delete(table: table, ids: ids)
        case 79..<82:
            buffer = encoder.prefetch(table: table, ids: ids)
        case 82..<84:
            buffer = encoder.shrink(
                table: table, minFrequency: UInt32(random.below(3)), maxAge: UInt32(random.below(2))
            )
        case 84..<86:
            buffer = encoder.count(table: table)
        case 86:
            buffer = encoder.share(byteCount: UInt64(random.below(1 << 20)))
        case 87..<91:
            buffer = encoder.ping(payload: ids.map { UInt8(truncatingIfNeeded: $0) })
        case 91..<93:
            buffer = encoder.stats(table: random.oneIn(2) ? 0 : table)
        case 93..<95:
            buffer = encoder.listTables()
        case 95..<97:
            // The names are fit for tables, and so are the schemas.
            buffer = try! encoder.openTable(name: name())
        case 97:
            buffer = try! encoder.createTable(
                name: name(), schema: TableSchema(dimension: UInt32(dimension)), ifExists: .open)
        case 98:
            buffer = encoder.checkpoint(path: "/dev/null/checkpoint")
        default:
            buffer = encoder.dropTable(UInt32(random.below(256)))
        }
        return Array(buffer: buffer)
    }

    private mutating func name() -> String { tables.names[random.below(tables.names.count)] }

    private mutating func ids() -> [UInt64] {
        (0..<random.below(1 << (1 + random.below(7)))).map { _ in UInt64(random.below(4096)) }
    }

    private mutating func floats(_ count: Int) -> [Float] {
        (0..<count).map { _ in Float(random.below(17)) / 4 - 2 }
    }
}
