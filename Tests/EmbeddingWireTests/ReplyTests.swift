import NIOCore
import Testing

@testable import EmbeddingWire

@Suite struct ReplyTests {
    /// The request that a golden reply answers.
    private func request(of golden: GoldenFrame) -> FrameHeader {
        let fields = golden.fields
        return FrameHeader(
            bodyBytes: 5, requestID: fields.requestId!, operation: fields.operationCode.rawValue,
            options: FrameOptions(
                format: fields.rowFormat, create: fields.create ?? false,
                hasPlace: fields.place != nil),
            table: fields.operationCode.namesTable ? fields.table! : 0)
    }

    private func layout(of fields: GoldenFrame.Fields) -> RowsLayout {
        RowsLayout(
            rows: fields.rows!.count, dimension: fields.dimension!, format: fields.rowFormat,
            hasFound: fields.found != nil)
    }

    @Test(arguments: GoldenFrame.all(.reply))
    func encodingFollowsThePage(golden: GoldenFrame) throws {
        let fields = golden.fields
        let reply = Reply(to: request(of: golden), allocator: ByteBufferAllocator())
        #expect(encode(fields, as: reply) == golden.bytes)
    }

    private func encode(_ fields: GoldenFrame.Fields, as reply: Reply) -> ByteBuffer {
        if fields.status! != 0 {
            return reply.error(
                WireError(
                    ErrorCode(rawValue: fields.status!), fields.message!,
                    retryAfterMs: fields.retryAfterMs!))
        }
        switch fields.operationCode {
        case .ping:
            return reply.echo(ByteBuffer(bytes: GoldenFrame.bytes(hex: fields.payloadHex!)))
        case .createTable, .openTable:
            return reply.schema(fields.schema!.tableSchema, table: fields.table!)
        case .listTables:
            return reply.tables(
                fields.tables!.map {
                    TableListing(
                        number: $0.table, name: $0.tableName, schema: $0.schema.tableSchema)
                })
        case .dropTable, .push, .assign:
            return reply.empty()
        case .share:
            return reply.shared(fields.sharedMemory)
        case .delete, .count, .shrink, .admit, .prefetch:
            return reply.count(UInt64(fields.count!)!)
        case .stats, .checkpoint:
            return reply.json(fields.json!)
        case .pull, .pool:
            if fields.place != nil { return reply.empty() }
            return encodeRows(fields, as: reply)
        }
    }

    private func encodeRows(_ fields: GoldenFrame.Fields, as reply: Reply) -> ByteBuffer {
        let layout = layout(of: fields)
        var frame = reply.beginRows(layout)
        let capacity = frame.capacity
        switch layout.format {
        case .float32: frame.writeElements(fields.rows!.flatMap { $0 })
        case .float16: frame.writeElements(fields.rows!.flatMap { $0.map { Float16($0) } })
        case .int16:
            frame.writeElements(fields.scales!)
            frame.writeElements(fields.quantized!.flatMap { $0 })
        }
        #expect(frame.readableBytes == FrameHeader.byteCount + layout.rowBytes)
        var bits = [UInt8](repeating: 0, count: layout.foundBytes)
        for (index, found) in (fields.found ?? []).enumerated() where found {
            bits[index / 8] |= 1 << (index % 8)
        }
        frame.writeBytes(bits)
        #expect(frame.capacity == capacity, "one allocation")
        return frame
    }

    @Test(arguments: GoldenFrame.all(.reply))
    func decodingFollowsThePage(golden: GoldenFrame) throws {
        let fields = golden.fields
        let frame = try RequestTests.frame(golden.bytes)
        #expect(frame.header.requestID == fields.requestId)
        #expect(frame.header.operation == fields.operationCode.rawValue)
        #expect(frame.header.options == request(of: golden).options)
        #expect(frame.header.table == fields.table)
        guard fields.status! == 0 else {
            let error = try #require(throws: WireError.self) { try frame.checkStatus() }
            #expect(error.code.description == fields.errorName)
            #expect(error.message == fields.message)
            #expect(error.retryAfterMs == fields.retryAfterMs)
            return
        }
        try frame.checkStatus()
        switch fields.operationCode {
        case .ping:
            #expect(Array(buffer: frame.body) == GoldenFrame.bytes(hex: fields.payloadHex!))
        case .createTable, .openTable:
            #expect(try frame.schema() == fields.schema!.tableSchema)
        case .listTables:
            let tables = try frame.tables()
            #expect(tables.map(\.name) == fields.tables!.map(\.tableName))
            #expect(tables.map(\.number) == fields.tables!.map(\.table))
            #expect(tables.map(\.schema) == fields.tables!.map(\.schema.tableSchema))
        case .dropTable, .push, .assign:
            try frame.checkEmpty()
        case .share:
            #expect(try frame.sharedMemory() == fields.sharedMemory)
        case .delete, .count, .shrink, .admit, .prefetch:
            #expect(try frame.rowCount() == UInt64(fields.count!))
        case .stats, .checkpoint:
            #expect(try frame.json() == fields.json)
        case .pull, .pool:
            if fields.place != nil { return try frame.checkEmpty() }
            let layout = layout(of: fields)
            let rows = try frame.rows(layout)
            #expect(rows.map(\.bitPattern) == fields.rows!.flatMap { $0 }.map(\.bitPattern))
            if let found = fields.found { #expect(try frame.found(layout) == found) }
        }
    }

    @Test(arguments: GoldenFrame.all(.reply))
    func everyOtherLengthIsRefused(golden: GoldenFrame) throws {
        let fields = golden.fields
        let frame = try RequestTests.frame(golden.bytes)
        guard fields.status! == 0 else { return }
        var longer = frame.body
        longer.writeInteger(UInt8(0))
        let cut = (0..<frame.body.readableBytes).map { frame.body.getSlice(at: 0, length: $0)! }
        for body in cut + [longer] {
            let other = Frame(header: frame.header, body: body)
            switch fields.operationCode {
            case .ping, .stats, .checkpoint: break
            case .createTable, .openTable:
                #expect(throws: WireError.self) { try other.schema() }
            case .listTables:
                #expect(throws: WireError.self) { try other.tables() }
            case .dropTable, .push, .assign:
                #expect(throws: WireError.self) { try other.checkEmpty() }
            case .share:
                #expect(throws: WireError.self) { try other.sharedMemory() }
            case .delete, .count, .shrink, .admit, .prefetch:
                #expect(throws: WireError.self) { try other.rowCount() }
            case .pull, .pool:
                #expect(throws: WireError.self) {
                    if fields.place != nil { return try other.checkEmpty() }
                    _ = try other.rows(layout(of: fields))
                }
            }
        }
    }

    @Test func aListThatPromisesMoreTablesThanItHasIsRefused() {
        let header = FrameHeader(
            bodyBytes: 4, requestID: 0, operation: Operation.listTables.rawValue, options: .none)
        let frame = Frame(header: header, body: ByteBuffer(integer: UInt32.max))
        #expect(throws: WireError.self) { try frame.tables() }
    }

    @Test func halfFloatsAreExact() {
        for half in 0...UInt16.max {
            let expected = Float(Float16(bitPattern: half))
            let actual = Float(halfBitPattern: half)
            if expected.isNaN {
                #expect(actual.isNaN)
            } else if expected.bitPattern != actual.bitPattern {
                Issue.record("\(half): \(actual) is not \(expected)")
            }
        }
    }

    @Test func unknownCodesKeepTheirNumber() throws {
        #expect(ErrorCode(rawValue: 777).description == "error 777")
        #expect(ErrorCode.all.count == 21)
        #expect(ErrorCode.internal.description == "internal")
        #expect(Set(ErrorCode.all.map(\.description)).count == 21)
    }
}
