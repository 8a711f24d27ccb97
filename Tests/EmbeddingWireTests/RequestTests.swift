import NIOCore
import Testing

@testable import EmbeddingWire

@Suite struct RequestTests {
    static let limits = Limits(frameBytesMax: 1 << 20, idsMax: 16, requestsInFlightMax: 8)

    static func frame(_ bytes: ByteBuffer) throws -> Frame {
        var stream = bytes
        var decoder = FrameDecoder(frameBytesMax: limits.frameBytesMax)
        let frame = try #require(try decoder.decode(buffer: &stream))
        try #require(stream.readableBytes == 0)
        return frame
    }

    static func decode(_ bytes: ByteBuffer, granted: Capabilities = .all) throws -> Request {
        try Request(frame(bytes), limits: limits, granted: granted)
    }

    @Test(arguments: GoldenFrame.all(.request))
    func encodingFollowsThePage(golden: GoldenFrame) throws {
        let fields = golden.fields
        let encoder = RequestEncoder(requestID: fields.requestId!)
        let table = fields.table!
        let create = fields.create ?? false
        let encoded =
            switch fields.operationCode {
            case .ping: encoder.ping(payload: GoldenFrame.bytes(hex: fields.payloadHex!))
            case .createTable:
                try encoder.createTable(
                    name: fields.tableName!, schema: fields.schema!.tableSchema,
                    ifExists: fields.ifExistsChoice)
            case .openTable: try encoder.openTable(name: fields.tableName!)
            case .listTables: encoder.listTables()
            case .dropTable: encoder.dropTable(table)
            case .share: encoder.share(byteCount: fields.byteCountValue)
            case .pull:
                encoder.pull(
                    table: table, ids: fields.idValues, create: create, format: fields.rowFormat,
                    place: fields.placeValue)
            case .push:
                encoder.push(
                    table: table, dimension: fields.dimension!, ids: fields.idValues,
                    gradients: fields.gradients!.flatMap { $0 })
            case .assign:
                encoder.assign(
                    table: table, dimension: fields.dimension!, ids: fields.idValues,
                    rows: fields.rows!.flatMap { $0 })
            case .pool:
                encoder.pool(
                    table: table, mode: fields.bagMode, ids: fields.idValues,
                    offsets: fields.offsetValues, weights: fields.weights, create: create,
                    format: fields.rowFormat, place: fields.placeValue)
            case .delete: encoder.delete(table: table, ids: fields.idValues)
            case .admit: encoder.admit(table: table, ids: fields.idValues)
            case .prefetch: encoder.prefetch(table: table, ids: fields.idValues)
            case .count: encoder.count(table: table)
            case .shrink:
                encoder.shrink(
                    table: table, minFrequency: fields.minFrequency!, maxAge: fields.maxAge!)
            case .stats: encoder.stats(table: table)
            case .checkpoint: encoder.checkpoint(path: fields.path!)
            }
        #expect(encoded == golden.bytes)
    }

    @Test(arguments: GoldenFrame.all(.request))
    func decodingFollowsThePage(golden: GoldenFrame) throws {
        let fields = golden.fields
        let frame = try Self.frame(golden.bytes)
        #expect(frame.header.requestID == fields.requestId)
        #expect(frame.header.operation == fields.operationCode.rawValue)
        #expect(frame.header.table == fields.table)
        let create = fields.create ?? false
        switch try Request(frame, limits: Self.limits, granted: .all) {
        case .ping(let payload):
            #expect(Array(buffer: payload) == GoldenFrame.bytes(hex: fields.payloadHex!))
        case .createTable(let name, let schema, let ifExists):
            #expect(name == fields.tableName)
            #expect(schema == fields.schema!.tableSchema)
            #expect(ifExists == fields.ifExistsChoice)
        case .openTable(let name):
            #expect(name == fields.tableName)
        case .listTables:
            #expect(fields.operation == "listTables")
        case .dropTable(let table):
            #expect(table == fields.table)
        case .share(let byteCount):
            #expect(byteCount == fields.byteCountValue)
        case .pull(let table, let ids, let createRows, let delivery):
            #expect(table == fields.table)
            #expect(ids.array == fields.idValues)
            #expect((0..<ids.count).map { ids[$0] } == fields.idValues)
            #expect(createRows == create)
            #expect(delivery == RowDelivery(format: fields.rowFormat, place: fields.placeValue))
        case .push(let table, let dimension, let ids, let gradients):
            #expect(table == fields.table)
            #expect(dimension == fields.dimension)
            #expect(ids.array == fields.idValues)
            #expect(gradients.array == fields.gradients!.flatMap { $0 })
        case .assign(let table, let dimension, let ids, let rows):
            #expect(table == fields.table)
            #expect(dimension == fields.dimension)
            #expect(ids.array == fields.idValues)
            #expect(rows.array == fields.rows!.flatMap { $0 })
        case .pool(let table, let bags, let createRows, let delivery):
            #expect(table == fields.table)
            #expect(bags.mode == fields.bagMode)
            #expect(bags.ids.array == fields.idValues)
            #expect(bags.offsets.array == fields.offsetValues)
            #expect(bags.weights?.array == fields.weights)
            #expect(createRows == create)
            #expect(delivery == RowDelivery(format: fields.rowFormat, place: fields.placeValue))
        case .delete(let table, let ids):
            #expect(table == fields.table)
            #expect(ids.array == fields.idValues)
        case .admit(let table, let ids):
            #expect(table == fields.table)
            #expect(ids.array == fields.idValues)
        case .prefetch(let table, let ids):
            #expect(table == fields.table)
            #expect(ids.array == fields.idValues)
        case .shrink(let table, let minFrequency, let maxAge):
            #expect(table == fields.table)
            #expect(minFrequency == fields.minFrequency)
            #expect(maxAge == fields.maxAge)
        case .count(let table), .stats(let table):
            #expect(table == fields.table)
        case .checkpoint(let path):
            #expect(path == fields.path)
        }
    }

    /// Every body but those that may have any length, cut short or with a byte too many.
    @Test(arguments: GoldenFrame.all(.request))
    func everyOtherLengthIsRefused(golden: GoldenFrame) throws {
        let frame = try Self.frame(golden.bytes)
        let operation = golden.fields.operationCode
        guard operation != .ping, operation != .checkpoint else { return }
        let length = frame.body.readableBytes
        var longer = frame.body
        longer.writeInteger(UInt8(0))
        let bodies = (0..<length).map { frame.body.getSlice(at: 0, length: $0)! } + [longer]
        for body in bodies {
            let wholeIDs = [.pull, .delete, .admit, .prefetch].contains(operation)
            let idBytes = body.readableBytes - (golden.fields.place == nil ? 0 : 8)
            if wholeIDs && idBytes >= 0 && idBytes.isMultiple(of: 8) { continue }
            var header = frame.header
            header.bodyBytes = UInt32(body.readableBytes)
            let error = #expect(throws: WireError.self) {
                try Request(
                    Frame(header: header, body: body), limits: Self.limits, granted: .all)
            }
            // A name that is cut to nothing is a name that no table can have.
            #expect(error?.code == .malformed || error?.code == .invalidSchema)
        }
    }

    @Test func unknownBitsOfTheHeaderAreRefused() throws {
        func code(
            _ change: (inout FrameHeader) -> Void, of bytes: ByteBuffer
        ) throws -> ErrorCode? {
            var frame = try Self.frame(bytes)
            change(&frame.header)
            do throws(WireError) {
                _ = try Request(frame, limits: Self.limits, granted: .all)
                return nil
            } catch {
                return error.code
            }
        }
        let pull = RequestEncoder().pull(table: 1, ids: [1], create: false)
        let push = RequestEncoder().push(table: 1, dimension: 1, ids: [1], gradients: [1])
        for options: UInt8 in 3..<16 {
            #expect(
                try code({ $0.options = .init(rawValue: options) }, of: pull) == .unknownOperation)
        }
        for bit in 6..<8 {
            #expect(
                try code({ $0.options = .init(rawValue: 1 << bit) }, of: pull) == .unknownOperation)
        }
        for options: UInt8 in [1, 2, 16, 32] {
            #expect(
                try code({ $0.options = .init(rawValue: options) }, of: push) == .unknownOperation)
        }
        for status: UInt16 in [1, 0x100, 0x8000] {
            #expect(try code({ $0.status = status }, of: pull) == .malformed)
        }
        let known = Set(Operation.allCases.map(\.rawValue))
        for operation in 0...UInt8.max where !known.contains(operation) {
            #expect(try code({ $0.operation = operation }, of: pull) == .unknownOperation)
        }
        #expect(try code({ $0.table = 0 }, of: pull) == .unknownTable)
        #expect(try code({ $0.table = 9 }, of: RequestEncoder().ping()) == .malformed)
        #expect(try code({ _ in }, of: pull) == nil)
    }

    /// Each bit that the page calls reserved or unused, set alone.
    @Test func everyReservedBitIsRefused() throws {
        let schema = TableSchema(
            dimension: 4, optimizer: .sgd(learningRate: 1), initializer: .zeros)
        let create = try RequestEncoder().createTable(name: "t", schema: schema, ifExists: .error)
        let schemaStart = 16 + 4 + 3
        let createBytes =
            [17, 18, 19]
            + [11..<12, 32..<72, 72..<88, 88..<112, 116..<120].flatMap { $0 }.map {
                schemaStart + $0
            }
        let pool = RequestEncoder().pool(
            table: 1, mode: .sum, ids: [1], offsets: [0], create: false)
        let poolBytes = (16 + 10)..<(16 + 16)
        let cases = createBytes.map { (create, $0) } + poolBytes.map { (pool, $0) }
        for (bytes, offset) in cases {
            for bit in 0..<8 {
                var changed = bytes
                changed.setInteger(
                    changed.getInteger(at: offset, as: UInt8.self)! ^ (1 << bit), at: offset)
                let error = #expect(throws: WireError.self) { try Self.decode(changed) }
                #expect(error?.code == .malformed, "byte \(offset), bit \(bit)")
            }
        }
    }

    @Test func valuesThatNoTableCanHaveAreInvalidSchema() throws {
        let create = try RequestEncoder().createTable(
            name: "t", schema: TableSchema(dimension: 4), ifExists: .error)
        let schemaStart = 16 + 4 + 3
        for (offset, value) in [(4, 4), (5, 4), (6, 6), (7, 4), (8, 7)] as [(Int, UInt8)] {
            var changed = create
            changed.setInteger(value, at: schemaStart + offset)
            let error = #expect(throws: WireError.self) { try Self.decode(changed) }
            #expect(error?.code == .invalidSchema)
        }
        for name in ["", "a b", "é", "a\u{0}", "a:b", String(repeating: "n", count: 256)] {
            #expect(throws: WireError.self) { try RequestEncoder().openTable(name: name) }
        }
        for name in ["a b", "é"] {
            var body = ByteBuffer()
            body.writeTableName(name)
            let header = FrameHeader(
                bodyBytes: UInt32(body.readableBytes), requestID: 0,
                operation: Operation.openTable.rawValue, options: .none)
            let error = #expect(throws: WireError.self) {
                try Request(
                    Frame(header: header, body: body), limits: Self.limits, granted: .all)
            }
            #expect(error?.code == .invalidSchema)
        }
    }

    @Test func moreIdsThanAllowedAreRefused() throws {
        let encoder = RequestEncoder()
        let most = [UInt64](repeating: 1, count: 16)
        let more = [UInt64](repeating: 1, count: 17)
        _ = try Self.decode(encoder.pull(table: 1, ids: most, create: false))
        let zeros = [Float](repeating: 0, count: 17)
        let offsets = [UInt64](repeating: 0, count: 17)
        for bytes in [
            encoder.pull(table: 1, ids: more, create: false),
            encoder.delete(table: 1, ids: more),
            encoder.push(table: 1, dimension: 1, ids: more, gradients: zeros),
            encoder.assign(table: 1, dimension: 1, ids: more, rows: zeros),
            encoder.pool(table: 1, mode: .sum, ids: more, offsets: [0], create: false),
            encoder.pool(table: 1, mode: .sum, ids: [1], offsets: offsets, create: false),
        ] {
            let error = #expect(throws: WireError.self) { try Self.decode(bytes) }
            #expect(error?.code == .tooManyIds)
        }
    }

    /// Counts that promise more bytes than any memory has do not overflow.
    @Test func countsNearTheirMaximumAreRefused() throws {
        let limits = Limits(
            frameBytesMax: Int(UInt32.max), idsMax: Int(UInt32.max), requestsInFlightMax: 1)
        let counts: [UInt32] = [0x2000_0000, 0x2000_0001, 0x7FFF_FFFF, 0x8000_0000, .max]
        for operation in [Operation.push, .assign, .pool] {
            for (first, second) in counts.flatMap({ count in counts.map { (count, $0) } }) {
                var body = ByteBuffer()
                body.writeMultipleIntegers(first, second, UInt64(0), endianness: .little)
                let header = FrameHeader(
                    bodyBytes: 16, requestID: 0, operation: operation.rawValue, options: .none,
                    table: 1)
                let error = #expect(throws: WireError.self) {
                    try Request(Frame(header: header, body: body), limits: limits, granted: .all)
                }
                #expect(error?.code == .malformed)
            }
        }
        // No ids, and rows of any dimension: nothing is asked for.
        for dimension in counts {
            var body = ByteBuffer()
            body.writeMultipleIntegers(UInt32(0), dimension, endianness: .little)
            let header = FrameHeader(
                bodyBytes: 8, requestID: 0, operation: Operation.push.rawValue, options: .none,
                table: 1)
            _ = try Request(Frame(header: header, body: body), limits: limits, granted: .all)
        }
    }

    @Test func offsetsHaveToCutTheIdsIntoBags() throws {
        func decode(_ offsets: [UInt64], ids: [UInt64] = [1, 2]) throws {
            _ = try Self.decode(
                RequestEncoder().pool(
                    table: 1, mode: .sum, ids: ids, offsets: offsets, create: false))
        }
        for good: [UInt64] in [[0], [0, 0, 0], [0, 2], [0, 1, 2, 2]] { try decode(good) }
        try decode([0, 0], ids: [])
        for bad: [UInt64] in [[], [1], [0, 3], [0, 2, 1], [.max], [0, .max], [0, 1 << 63]] {
            #expect(throws: WireError.self) { try decode(bad) }
        }
    }

    @Test func weightsGoWithSumsOnly() throws {
        for mode in PoolMode.allCases {
            let bytes = RequestEncoder().pool(
                table: 1, mode: mode, ids: [1], offsets: [0], weights: [1], create: false)
            if mode == .sum {
                _ = try Self.decode(bytes)
            } else {
                #expect(throws: WireError.self) { try Self.decode(bytes) }
            }
        }
    }

    @Test func formatsNeedTheirCapability() throws {
        for format in RowFormat.allCases {
            let bytes = RequestEncoder().pull(table: 1, ids: [1], create: false, format: format)
            _ = try Self.decode(bytes)
            guard format != .float32 else { continue }
            let error = #expect(throws: WireError.self) {
                try Self.decode(bytes, granted: [.writes])
            }
            #expect(error?.code == .unsupported)
        }
    }

    @Test func announcementsNeedTheirCapability() throws {
        let bytes = RequestEncoder().prefetch(table: 1, ids: [1])
        let error = #expect(throws: WireError.self) {
            try Self.decode(bytes, granted: [.writes, .float16Rows, .int16Rows])
        }
        #expect(error?.code == .unsupported)
        guard case .prefetch(1, _) = try Self.decode(bytes, granted: [.prefetch]) else {
            Issue.record("not read as what it is")
            return
        }
    }

    @Test func sharedMemoryNeedsItsCapability() throws {
        let encoder = RequestEncoder()
        let requests = [
            encoder.share(byteCount: 4096),
            encoder.pull(table: 1, ids: [1], create: false, place: 0),
            encoder.pool(
                table: 1, mode: .sum, ids: [1], offsets: [0], create: false, place: 64),
        ]
        for bytes in requests {
            let error = #expect(throws: WireError.self) {
                try Self.decode(bytes, granted: Capabilities.all.subtracting(.sharedReplies))
            }
            #expect(error?.code == .unsupported)
            _ = try Self.decode(bytes, granted: [.sharedReplies])
        }
        // Only rows have a place.
        var push = encoder.push(table: 1, dimension: 1, ids: [1], gradients: [1])
        push.setInteger(UInt8(0x20), at: 9)
        let error = #expect(throws: WireError.self) { try Self.decode(push) }
        #expect(error?.code == .unknownOperation)
    }

    @Test func pathsAreAbsolute() throws {
        let encoder = RequestEncoder()
        _ = try Self.decode(encoder.checkpoint(path: "/a"))
        for path in ["", "a", "./a", "/a\u{0}b", "/" + String(repeating: "a", count: 4096)] {
            #expect(throws: WireError.self) { try Self.decode(encoder.checkpoint(path: path)) }
        }
        #expect(throws: WireError.self) {
            try Self.decode(encoder.ping(payload: [UInt8](repeating: 0, count: 1025)))
        }
    }
}
