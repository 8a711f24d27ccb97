import EmbeddingClient
import NIOCore
import NIOPosix
import Testing

@Suite struct EmbeddingClientTests {
    private let schema = TableSchema(dimension: 3)

    /// Runs `body` with a client of a loopback server, and ends both.
    private func withClient(
        _ behaviour: LoopbackServer.Behaviour = .normal, tcp: Bool = false,
        timeout: TimeAmount = .seconds(20), _ body: (EmbeddingClient) async throws -> Void
    ) async throws {
        let server = try await LoopbackServer(behaviour, tcp: tcp)
        let client = try await EmbeddingClient.connect(to: server.address, timeout: timeout)
        try await body(client)
        await client.close()
        try await server.stop()
    }

    @Test(arguments: [true, false]) func tablesComeAndGo(tcp: Bool) async throws {
        try await withClient(tcp: tcp) { client in
            try await client.ping()
            #expect(client.acceptsWrites)
            #expect(client.idsMax == LoopbackServer.limits.idsMax)
            #expect(try await client.tables().isEmpty)
            let item = try await client.createTable("item", schema: schema)
            #expect(item.schema == schema)
            let again = try await client.createTable("item", schema: schema, ifExists: .open)
            #expect(again.number == item.number)
            #expect(try await client.table(named: "item").number == item.number)
            #expect(try await client.tables().map(\.name) == ["item"])
            await #expect(throws: WireError.self) {
                try await client.createTable("item", schema: schema)
            }
            #expect(try await client.stats() == #"{"table":0}"#)
            #expect(try await item.stats() == #"{"table":\#(item.number)}"#)
            #expect(try await client.checkpoint(to: "/a/b") == #"{"path":"/a/b"}"#)
            try await item.drop()
            let error = await #expect(throws: WireError.self) {
                try await client.table(named: "item")
            }
            #expect(error?.code == .unknownTable)
        }
    }

    @Test func rowsAreReadAndWritten() async throws {
        try await withClient { client in
            let table = try await client.createTable("item", schema: schema)
            let ids: [UInt64] = [0, .max, 7]
            var pulled = try await table.pull(ids, create: false)
            #expect(pulled.found == [false, false, false])
            #expect(pulled.values == [Float](repeating: 0, count: 9))
            try await table.assign([7], rows: [1, 2.5, -3])
            try await table.push([7, 0], gradients: [0.5, 0.5, 0.5, 1, 0, -1])
            pulled = try await table.pull(ids, create: false)
            #expect(pulled.found == [true, false, true])
            #expect(pulled.values == [-1, 0, 1, 0, 0, 0, 0.5, 2, -3.5])
            #expect(Array(pulled[2]) == [0.5, 2, -3.5])
            for format in RowFormat.allCases {
                let rounded = try await table.pull(ids, create: true, format: format)
                #expect(rounded.values == pulled.values)
                #expect(rounded.found == nil)
                #expect(rounded.count == 3)
            }
            #expect(try await table.count() == 3)
            let bags = try await table.pool([7, 0, 7], offsets: [0, 1, 1])
            #expect(bags == [0.5, 2, -3.5, 0, 0, 0, -0.5, 2, -2.5])
            let weighted = try await table.pool([7, 0], offsets: [0], weights: [2, -1])
            #expect(weighted == [2, 4, -8])
            #expect(try await table.delete([7, 9]) == 1)
            #expect(try await table.shrink(minFrequency: 3, maxAge: 7) == 3 << 32 | 7)
            #expect(try await table.shrink() == 0)
            #expect(try await table.admit([1, 2, 3]) == 3)
            #expect(try await table.prefetch([1, 2, 3, 3]) == 4)
            #expect(try await table.pull([]).values.isEmpty)
        }
    }

    @Test func badCallsAreRefusedBeforeTheyAreSent() async throws {
        try await withClient { client in
            let table = try await client.createTable("item", schema: schema)
            let many = [UInt64](repeating: 1, count: client.idsMax + 1)
            var error = await #expect(throws: WireError.self) { try await table.pull(many) }
            #expect(error?.code == .tooManyIds)
            error = await #expect(throws: WireError.self) {
                try await table.push([1, 2], gradients: [1, 2, 3])
            }
            #expect(error?.code == .dimensionMismatch)
            error = await #expect(throws: WireError.self) { try await client.table(named: "a b") }
            #expect(error?.code == .invalidSchema)
            let wide = try await client.createTable("wide", schema: TableSchema(dimension: 4096))
            error = await #expect(throws: WireError.self) {
                try await wide.push(
                    Array(0..<100), gradients: [Float](repeating: 0, count: 409_600))
            }
            #expect(error?.code == .tooLarge)
            try await client.ping()
        }
    }

    @Test(arguments: [LoopbackServer.Behaviour.normal, .reversed])
    func thousandsOfCallsAtOnceAreEachAnswered(behaviour: LoopbackServer.Behaviour) async throws {
        try await withClient(behaviour) { client in
            let table = try await client.createTable("item", schema: schema)
            try await table.assign(
                (0..<100).map { $0 }, rows: (0..<300).map { Float($0) })
            try await withThrowingTaskGroup(of: Void.self) { group in
                for call in 0..<3000 {
                    group.addTask {
                        let id = call % 100
                        let rows = try await table.pull([UInt64(id)])
                        #expect(rows.values == (0..<3).map { Float(3 * id + $0) })
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    /// A reply of 240 kB arrives in many pieces over a socket.
    @Test func largeRepliesAreWhole() async throws {
        try await withClient { client in
            let table = try await client.createTable("item", schema: TableSchema(dimension: 16))
            let ids = (0..<4000).map { UInt64($0) }
            let rows = (0..<64_000).map { Float($0) }
            try await table.assign(ids, rows: rows)
            for _ in 0..<20 { #expect(try await table.pull(ids).values == rows) }
        }
    }

    @Test func aReadOnlyServerSaysSo() async throws {
        try await withClient(.readOnly) { client in #expect(!client.acceptsWrites) }
    }

    @Test func theTokenIsShownToTheServer() async throws {
        let server = try await LoopbackServer(.asking)
        for wrong in [nil, AccessToken(Array("open".utf8))] {
            let error = await #expect(throws: ConnectionError.self) {
                try await EmbeddingClient.connect(
                    to: server.address, access: ClientAccess(token: wrong))
            }
            #expect(error == .refused(WireError(.unauthorized, "who are you?")))
        }
        let right = AccessToken(Array("open sesame".utf8))
        let client = try await EmbeddingClient.connect(
            to: server.address, access: ClientAccess(token: right))
        try await client.ping()
        await client.close()
        try await server.stop()
    }

    @Test(arguments: [LoopbackServer.Behaviour.normal, .speechless])
    func aServerWithoutTLSIsNoReasonToWait(behaviour: LoopbackServer.Behaviour) async throws {
        let server = try await LoopbackServer(behaviour, tcp: true)
        guard case .tcp(let host, let port) = server.address else { return }
        // This server closes a connection that does not begin as the protocol does.
        let error = await #expect(throws: ConnectionError.self) {
            try await EmbeddingClient.connect(to: .tls(host: host, port: port))
        }
        guard case .tlsFailed = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        try await server.stop()
    }

    @Test func aServerThatDoesNotAnswerTLSIsGivenUp() async throws {
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let address = ServerAddress.tls(host: "127.0.0.1", port: silent.localAddress!.port!)
        let error = await #expect(throws: ConnectionError.self) {
            try await EmbeddingClient.connect(to: address, timeout: .milliseconds(200))
        }
        switch error {
        case .timedOut, .unreachable: break  // The latter where the machine is slower than that.
        default: Issue.record("\(String(describing: error))")
        }
        try await silent.close()
    }

    /// A server that shares none is as good as before; one that does not answer is none.
    @Test func memoryThatIsNotShared() async throws {
        let server = try await LoopbackServer()
        let client = try await EmbeddingClient.connect(to: server.address, sharedReplyBytes: 4096)
        #expect(!client.sharesReplies)
        let table = try await client.createTable("item", schema: schema)
        #expect(try await table.pull([1]).values == [0, 0, 0])
        await client.close()
        try await server.stop()
        for behaviour in [LoopbackServer.Behaviour.silent, .hangingUp] {
            let server = try await LoopbackServer(behaviour)
            await #expect(throws: ConnectionError.self) {
                try await EmbeddingClient.connect(
                    to: server.address, timeout: .milliseconds(300), sharedReplyBytes: 4096)
            }
            try await server.stop()
        }
    }

    @Test func callsWithoutAnAnswerTimeOut() async throws {
        // Long enough to shake hands on a busy machine.
        try await withClient(.silent, timeout: .seconds(2)) { client in
            await #expect(throws: ConnectionError.timedOut) { try await client.ping() }
            await #expect(throws: ConnectionError.timedOut) { try await client.ping() }
        }
        let server = try await LoopbackServer(.speechless)
        await #expect(throws: ConnectionError.timedOut) {
            try await EmbeddingClient.connect(to: server.address, timeout: .milliseconds(100))
        }
        try await server.stop()
    }

    @Test func aLostConnectionFailsItsCalls() async throws {
        try await withClient(.hangingUp) { client in
            for _ in 0..<2 {
                await #expect(throws: ConnectionError.self) { try await client.ping() }
            }
        }
        try await withClient(.silent) { client in
            let call = Task { try await client.ping() }
            try await Task.sleep(for: .milliseconds(20))
            await client.close()
            await #expect(throws: ConnectionError.self) { try await call.value }
            await client.close()
        }
    }

    @Test(arguments: [
        "unix:/no/such/thermocline.sock", "tcp:127.0.0.1:1", "tcp:no-such-host.invalid:1",
    ])
    func anAddressWithoutAServerIsUnreachable(text: String) async throws {
        let address = try ServerAddress(parsing: text)
        let error = await #expect(throws: ConnectionError.self) {
            try await EmbeddingClient.connect(to: address, timeout: .seconds(5))
        }
        guard case .unreachable(address, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}
