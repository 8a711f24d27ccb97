import EmbeddingWire
import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// A server for tests: tables in a dictionary, on a socket in the temporary folder.
///
/// Rows start at 0 and pushes subtract the gradient.
final class LoopbackServer: Sendable {
    let address: ServerAddress
    private let channel: any Channel

    static let limits = Limits(frameBytesMax: 1 << 20, idsMax: 10_000, requestsInFlightMax: 64)

    /// How the server treats its clients.
    enum Behaviour: Sendable {
        case normal
        /// Answers the requests of each read batch last to first.
        case reversed
        /// Never answers a request.
        case silent
        /// Never says Welcome.
        case speechless
        /// Closes the connection at the first request.
        case hangingUp
        case readOnly
        /// Asks for the token `open sesame`.
        case asking
    }

    /// By number. A lock holder's whole request is done under the lock.
    private final class Store: Sendable {
        let tables = Mutex<[UInt32: Table]>([:])
    }

    init(_ behaviour: Behaviour = .normal, tcp: Bool = false) async throws {
        let store = Store()
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(behaviour, store))
                }
            }
        if tcp {
            channel = try await bootstrap.bind(host: "127.0.0.1", port: 0).get()
            address = .tcp(host: "127.0.0.1", port: channel.localAddress!.port!)
        } else {
            let path = FileManager.default.temporaryDirectory
                .appending(path: "tcl-\(UInt64.random(in: 0...UInt64.max)).sock").path
            channel = try await bootstrap.bind(unixDomainSocketPath: path).get()
            address = .unix(path: path)
        }
    }

    func stop() async throws {
        try await channel.close()
        if case .unix(let path) = address { try? FileManager.default.removeItem(atPath: path) }
    }

    private struct Table {
        var name: String
        var schema: TableSchema
        var rows: [UInt64: [Float]] = [:]
    }

    /// One connection.
    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let behaviour: Behaviour
        private let store: Store
        private let stream = NIOSingleStepByteToMessageProcessor(
            ConnectionDecoder<Hello>(frameBytesMax: LoopbackServer.limits.frameBytesMax))
        private var granted: Capabilities = []
        private var replies: [ByteBuffer] = []

        init(_ behaviour: Behaviour, _ store: Store) {
            self.behaviour = behaviour
            self.store = store
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            do {
                try stream.process(buffer: Self.unwrapInboundIn(data)) { message in
                    switch message {
                    case .handshake(let hello): welcome(hello, context)
                    case .frame(let frame): answer(frame, context)
                    }
                }
            } catch {
                context.close(promise: nil)
            }
        }

        func channelReadComplete(context: ChannelHandlerContext) {
            if behaviour == .reversed { replies.reverse() }
            for reply in replies { context.write(Self.wrapOutboundOut(reply), promise: nil) }
            replies = []
            context.flush()
        }

        private func welcome(_ hello: Hello, _ context: ChannelHandlerContext) {
            guard behaviour != .speechless else { return }
            if behaviour == .asking, hello.credential != Array("open sesame".utf8) {
                var buffer = ByteBuffer()
                let refusal = WireError(.unauthorized, "who are you?")
                Welcome(refusing: refusal, limits: LoopbackServer.limits).write(to: &buffer)
                context.writeAndFlush(Self.wrapOutboundOut(buffer), promise: nil)
                return context.close(promise: nil)
            }
            let offered: Capabilities =
                behaviour == .readOnly ? [.float16Rows, .int16Rows] : .all
            let welcome = Welcome(
                answering: hello, capabilities: offered, limits: LoopbackServer.limits)
            granted = welcome.capabilities
            var buffer = ByteBuffer()
            welcome.write(to: &buffer)
            context.writeAndFlush(Self.wrapOutboundOut(buffer), promise: nil)
        }

        private func answer(_ frame: Frame, _ context: ChannelHandlerContext) {
            if behaviour == .hangingUp { return context.close(promise: nil) }
            if behaviour == .silent { return }
            let reply = Reply(to: frame.header, allocator: context.channel.allocator)
            do throws(WireError) {
                let request = try Request(
                    frame, limits: LoopbackServer.limits, granted: granted)
                let encoded = store.tables.withLock { tables in
                    Result { () throws(WireError) in
                        try self.reply(to: request, of: &tables, reply)
                    }
                }
                replies.append(try encoded.get())
            } catch {
                replies.append(reply.error(error))
            }
        }

        private func reply(
            to request: Request, of tables: inout [UInt32: Table], _ reply: Reply
        ) throws(WireError) -> ByteBuffer {
            switch request {
            case .ping(let payload):
                return reply.echo(payload)
            case .createTable(let name, let schema, let ifExists):
                if let (number, table) = tables.first(where: { $0.value.name == name }) {
                    guard ifExists == .open, table.schema == schema else {
                        throw WireError(.tableExists, "\(name) is there")
                    }
                    return reply.schema(schema, table: number)
                }
                let number = (tables.keys.max() ?? 0) + 1
                tables[number] = Table(name: name, schema: schema)
                return reply.schema(schema, table: number)
            case .openTable(let name):
                guard let (number, table) = tables.first(where: { $0.value.name == name }) else {
                    throw WireError(.unknownTable, "there is no table \(name)")
                }
                return reply.schema(table.schema, table: number)
            case .listTables:
                return reply.tables(
                    tables.sorted { $0.key < $1.key }.map {
                        TableListing(number: $0.key, name: $0.value.name, schema: $0.value.schema)
                    })
            case .dropTable(let number):
                guard tables.removeValue(forKey: number) != nil else {
                    throw WireError(.unknownTable, "there is no table \(number)")
                }
                return reply.empty()
            case .share:
                throw WireError(.unsupported, "nothing is shared here")
            case .admit(_, let ids), .prefetch(_, let ids):
                return reply.count(UInt64(ids.count))
            case .shrink(_, let minFrequency, let maxAge):
                // What was asked for, to be compared.
                return reply.count(UInt64(minFrequency) << 32 | UInt64(maxAge))
            case .stats(let number):
                return reply.json(#"{"table":\#(number)}"#)
            case .checkpoint(let path):
                return reply.json(#"{"path":"\#(path)"}"#)
            case .pull(let number, _, _, _), .push(let number, _, _, _),
                .assign(let number, _, _, _), .pool(let number, _, _, _),
                .delete(let number, _), .count(let number):
                guard var table = tables[number] else {
                    throw WireError(.unknownTable, "there is no table \(number)")
                }
                defer { tables[number] = table }
                return try rows(request, of: &table, reply)
            }
        }

        private func rows(
            _ request: Request, of table: inout Table, _ reply: Reply
        ) throws(WireError) -> ByteBuffer {
            let dimension = Int(table.schema.dimension)
            let fresh = [Float](repeating: 0, count: dimension)
            switch request {
            case .pull(_, let ids, let create, let delivery):
                let found = ids.array.map { table.rows[$0] != nil }
                let rows = ids.array.map { table.rows[$0] ?? fresh }
                if create {
                    for (id, row) in zip(ids.array, rows) { table.rows[id] = row }
                }
                let layout = RowsLayout(
                    rows: ids.count, dimension: dimension, format: delivery.format,
                    hasFound: !create)
                return encode(rows, found: create ? [] : found, layout, reply)
            case .push(_, let width, let ids, let values),
                .assign(_, let width, let ids, let values):
                guard width == dimension else {
                    throw WireError(.dimensionMismatch, "\(width) is not \(dimension)")
                }
                let replaces = if case .assign = request { true } else { false }
                for (index, id) in ids.array.enumerated() {
                    let given = (0..<dimension).map { values[index * dimension + $0] }
                    let old = table.rows[id] ?? fresh
                    table.rows[id] = replaces ? given : zip(old, given).map { $0 - $1 }
                }
                return reply.empty()
            case .pool(_, let bags, _, let delivery):
                let ends = bags.offsets.array.dropFirst() + [UInt64(bags.ids.count)]
                let rows = zip(bags.offsets.array, ends).map { start, end in
                    (start..<end).reduce(into: fresh) { sum, index in
                        let row = table.rows[bags.ids[Int(index)]] ?? fresh
                        let weight = bags.weights?[Int(index)] ?? 1
                        for place in sum.indices { sum[place] += weight * row[place] }
                    }
                }
                let layout = RowsLayout(
                    rows: rows.count, dimension: dimension, format: delivery.format, hasFound: false)
                return encode(rows, found: [], layout, reply)
            case .delete(_, let ids):
                let deleted = ids.array.count { table.rows.removeValue(forKey: $0) != nil }
                return reply.count(UInt64(deleted))
            default:
                return reply.count(UInt64(table.rows.count))
            }
        }

        private func encode(
            _ rows: [[Float]], found: [Bool], _ layout: RowsLayout, _ reply: Reply
        ) -> ByteBuffer {
            var frame = reply.beginRows(layout)
            switch layout.format {
            case .float32:
                for value in rows.joined() {
                    frame.writeInteger(value.bitPattern, endianness: .little)
                }
            case .float16:
                for value in rows.joined() {
                    frame.writeInteger(Float16(value).bitPattern, endianness: .little)
                }
            case .int16:
                for _ in rows { frame.writeInteger(Float(0.5).bitPattern, endianness: .little) }
                for value in rows.joined() {
                    frame.writeInteger(Int16(value * 2), endianness: .little)
                }
            }
            var bits = [UInt8](repeating: 0, count: layout.foundBytes)
            for (index, found) in found.enumerated() where found {
                bits[index / 8] |= 1 << (index % 8)
            }
            frame.writeBytes(bits)
            return frame
        }
    }
}
