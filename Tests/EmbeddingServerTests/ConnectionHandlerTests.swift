import EmbeddingClient
import EmbeddingServer
import Foundation
import NIOCore
import Testing

@testable import EmbeddingStore

/// Connections that behave badly, and the order of requests on one that behaves well.
@Suite struct ConnectionHandlerTests {
    // MARK: bad bytes

    @Test func wrongMagicIsRefusedAndClosed() async throws {
        try await TestServer.with { server in
            for bytes in [Array("GET / HTTP/1.1\r\n\r\n".utf8), [0], Array("TCLINE\n\n".utf8)] {
                let raw = try RawConnection(to: server.address)
                try raw.send(bytes)
                #expect(try raw.welcome().refusal?.code == .malformed)
                #expect(raw.isAtEnd())
            }
            try await server.connected { try await $0.ping() }
        }
    }

    @Test func anotherVersionIsRefusedAndClosed() async throws {
        try await TestServer.with { server in
            let raw = try RawConnection(to: server.address)
            var hello = ByteBuffer()
            Hello(versions: 7...9).write(to: &hello)
            try raw.send(hello)
            #expect(try raw.welcome().refusal?.code == .unsupportedVersion)
            #expect(raw.isAtEnd())
        }
    }

    @Test(arguments: [TestServer.Socket.unix, .tcp])
    func aFrameOverTheLimitIsAnsweredAndTheConnectionClosed(socket: TestServer.Socket) async throws {
        var options = TestServer.options
        options.frameBytesMax = 1000
        try await TestServer.with(socket: socket, options: options) { server in
            let raw = try RawConnection(to: server.address)
            #expect(try raw.shakeHands().limits.frameBytesMax == 1000)
            // A sound request before it gets its answer.
            try raw.send(RequestEncoder(requestID: 1).ping())
            var header = ByteBuffer()
            FrameHeader(bodyBytes: 1001, requestID: 2, operation: 0x10, options: .none, table: 1)
                .write(to: &header)
            try raw.send(header)
            #expect(try raw.frame().header.requestID == 1)
            let reply = try raw.frame()
            #expect(reply.header.requestID == 2)
            #expect(ErrorCode(rawValue: reply.header.status) == .tooLarge)
            #expect(raw.isAtEnd())
            try await server.connected { try await $0.ping() }
        }
    }

    @Test func garbageAfterTheHandshakeHurtsNobody() async throws {
        let seed = UInt64.random(in: 0...999_999)
        var state = seed
        func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
        try await TestServer.with { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 2))
                try await table.assign([1], rows: [1, 2])
                for round in 0..<40 {
                    let raw = try RawConnection(to: server.address)
                    if round % 4 > 0 { try raw.shakeHands() }
                    var bytes = (0..<Int(next() % 3000)).map { _ in UInt8(truncatingIfNeeded: next()) }
                    // Frames of a sound length that are garbage otherwise; not for the one table.
                    if round % 2 == 0, bytes.count >= 16 {
                        let body = UInt32(bytes.count - 16)
                        for at in 0..<4 { bytes[at] = UInt8(truncatingIfNeeded: body >> UInt32(8 * at)) }
                        bytes[8] = [0x01, 0x02, 0x03, 0x10, 0x11, 0x12, 0x13, 0x14, 0x21][Int(next() % 9)]
                        bytes[12] = 77
                    }
                    try? raw.send(bytes)
                    if round % 3 == 0 { raw.closeSending() }
                }
                let rows = try await table.pull([1], create: false)
                expectRows(rows.values, [1, 2], "seed \(seed)")
                #expect(try await table.count() == 1, "seed \(seed)")
                #expect(try await client.tables().count == 1, "seed \(seed)")
            }
        }
    }

    /// Wherever a frame is cut off, nothing of it is done.
    @Test func aTruncatedPushChangesNothing() async throws {
        try await TestServer.with { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 2))
                try await table.assign([1], rows: [1, 2])
                let push = Array(
                    RequestEncoder(requestID: 1).push(
                        table: table.number, dimension: 2, ids: [1, 5], gradients: [1, 1, 1, 1])
                        .readableBytesView)
                for length in stride(from: 1, to: push.count, by: 5) {
                    let raw = try RawConnection(to: server.address)
                    try raw.shakeHands()
                    try raw.send(Array(push[..<length]))
                    raw.closeSending()
                    #expect(raw.isAtEnd(), "cut to \(length) bytes")
                }
                expectRows(try await table.pull([1], create: false).values, [1, 2])
                #expect(try await table.count() == 1)
                // The same bytes drip by drip are a push.
                let raw = try RawConnection(to: server.address)
                try raw.shakeHands()
                for byte in push { try raw.send([byte]) }
                #expect(try raw.frame().header.status == 0)
                expectRows(try await table.pull([1, 5], create: false).values, [0, 1, -1, -1])
            }
        }
    }

    /// A client that goes away while its push waits for the disk: the push is done whole, and
    /// others are served.
    @Test func aDisconnectInTheMiddleOfAPush() async throws {
        try await TestServer.with { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 2))
                let ids = Array(1...20 as ClosedRange<UInt64>)
                try await table.assign(ids, rows: numberedRows(20, 2))
                try demoteEverything(server, "t")
                server.cold.hold(.read)
                do {
                    let raw = try RawConnection(to: server.address)
                    try raw.shakeHands()
                    for requestID in 1...3 as ClosedRange<UInt32> {
                        try raw.send(
                            RequestEncoder(requestID: requestID).push(
                                table: table.number, dimension: 2, ids: ids,
                                gradients: Array(repeating: -1, count: 40)))
                    }
                    #expect(try await server.cold.untilHeld(.read))
                }
                try await client.ping()
                server.cold.release(.read)
                // The pushes that had been read when the client went away.
                var sum: Float = 0
                for _ in 0..<100 where sum < 2 {
                    sum = try await table.pull([1], create: false).values[0]
                    try await Task.sleep(for: .milliseconds(10))
                }
                let rows = try await table.pull(ids, create: false).values
                let pushes = rows[0] - 1
                #expect((1...3).contains(pushes))
                expectRows(rows, numberedRows(20, 2).map { $0 + pushes })
            }
        }
    }

    // MARK: order

    /// Nothing waits for a reply: each pull must see the pushes sent before it, whether its rows
    /// are in memory or not.
    @Test func aPipelinedPullSeesThePushesBeforeIt() async throws {
        try await TestServer.with(memoryBytes: 1 << 20) { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 24))
                // Twice as many rows as fit.
                for start in stride(from: UInt64(0), to: 16_000, by: 1000) {
                    let ids = Array(start..<start + 1000)
                    try await table.assign(ids, rows: Array(repeating: 0, count: 24_000))
                }
                var sums = [Float](repeating: 0, count: 16_000)
                var wrong = 0
                for round in 0..<12 {
                    var pulls: [(ids: [UInt64], least: [Float], reply: EventLoopFuture<Frame>)] = []
                    var pushes: [EventLoopFuture<Frame>] = []
                    for number in 0..<10 {
                        let first = (round * 7919 + number * 1553) % 15_900
                        let ids = (first..<first + 100).map { UInt64($0) }
                        pushes.append(
                            client.send(
                                client.encoder.push(
                                    table: table.number, dimension: 24, ids: ids,
                                    gradients: Array(repeating: -1, count: 2400))))
                        for id in ids { sums[Int(id)] += 1 }
                        pulls.append((
                            ids, ids.map { sums[Int($0)] },
                            client.send(client.encoder.pull(table: table.number, ids: ids, create: false))
                        ))
                    }
                    for push in pushes { #expect(try await push.get().header.status == 0) }
                    for pull in pulls {
                        let layout = RowsLayout(rows: 100, dimension: 24, format: .float32, hasFound: true)
                        let rows = try await pull.reply.get().rows(layout)
                        // Later pushes may have overtaken a pull, but nothing earlier may be
                        // missing.
                        for (at, least) in pull.least.enumerated() {
                            let row = Array(rows[at * 24..<(at + 1) * 24])
                            if row[0] < least || row.contains(where: { $0 != row[0] }) { wrong += 1 }
                        }
                    }
                }
                #expect(wrong == 0)
                let figures = try server.store.table(named: "t").statistics()
                #expect(figures.promotions > 1000, "the disk was not used: \(figures)")
                for start in stride(from: 0, to: 16_000, by: 1000) {
                    let rows = try await table.pull((start..<start + 1000).map { UInt64($0) }).values
                    expectRows(rows, sums[start..<start + 1000].flatMap { Array(repeating: $0, count: 24) })
                }
            }
        }
    }

    @Test func whatDoesNotNeedTheDiskOvertakesWhatDoes() async throws {
        try await TestServer.with { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 2))
                try await table.assign([1, 2], rows: [1, 1, 2, 2])
                try demoteEverything(server, "t")
                expectRows(try await table.pull([2]).values, [2, 2])

                server.cold.hold(.read)
                let encoder = { client.encoder }
                let stuck = client.send(encoder().pull(table: table.number, ids: [1], create: false))
                let push = client.send(
                    encoder().push(table: table.number, dimension: 2, ids: [1], gradients: [1, 1]))
                let after = client.send(encoder().pull(table: table.number, ids: [1, 2], create: false))
                let counted = client.send(encoder().count(table: table.number))
                #expect(try await server.cold.untilHeld(.read))
                // All of these were sent after it, and are answered while the disk stands still.
                expectRows(try await table.pull([2]).values, [2, 2])
                try await table.push([2], gradients: [-1, -1])
                try await client.ping()
                server.cold.release(.read)

                let layout = RowsLayout(rows: 1, dimension: 2, format: .float32, hasFound: true)
                let first = try await stuck.get().rows(layout)
                let isOneOfBoth = first == [1, 1] || first == [0, 0]
                #expect(isOneOfBoth)
                #expect(try await push.get().header.status == 0)
                let two = RowsLayout(rows: 2, dimension: 2, format: .float32, hasFound: true)
                expectRows(try await after.get().rows(two), [0, 0, 3, 3])
                #expect(try await counted.get().rowCount() == 2)
            }
        }
    }

    // MARK: back-pressure

    private static let pulls = 1000
    private static let idsPerPull = 512

    /// 1,000 pulls of 4 KiB each whose replies of 16 KiB nobody reads: the server takes a part of
    /// them only, and when the replies are read all of them come.
    @Test func aClientThatDoesNotReadIsNotReadFrom() async throws {
        var options = TestServer.options
        options.unsentBytesMax = 256 << 10
        try await TestServer.with(options: options) { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 8))
                let ids = (0..<Self.idsPerPull).map { UInt64($0) }
                let rows = numberedRows(Self.idsPerPull, 8)
                try await table.assign(ids, rows: rows)
                let requests = pulls(Self.pulls, table.number, ids)
                let raw = try RawConnection(to: server.address)
                try raw.shakeHands()
                let accepted = raw.sendWhileTaken(requests, seconds: 1)
                print("back-pressure: \(accepted >> 10) of \(requests.count >> 10) KiB were taken")
                #expect(accepted < 2 << 20)
                // Others are served meanwhile.
                try await client.ping()

                let rest = Array(requests[accepted...])
                nonisolated(unsafe) let sender = raw
                let thread = Thread { try? sender.send(rest) }
                thread.start()
                let body = rows.withUnsafeBytes { ByteBuffer(bytes: $0) }
                var wrong = 0
                for number in 0..<Self.pulls {
                    let reply = try raw.frame()
                    let isSound = reply.header.requestID == UInt32(number) && reply.header.status == 0
                    if !isSound || reply.body != body { wrong += 1 }
                }
                #expect(wrong == 0)
            }
        }
    }

    private func pulls(_ count: Int, _ table: UInt32, _ ids: [UInt64]) -> [UInt8] {
        var bytes = ByteBuffer()
        for number in 0..<count {
            bytes.writeImmutableBuffer(
                RequestEncoder(requestID: UInt32(number)).pull(table: table, ids: ids, create: true))
        }
        return bytes.getBytes(at: 0, length: bytes.readableBytes)!
    }

    /// A client may send its requests, close its side, and read the replies then, however many they
    /// are.
    @Test func aClientThatHasClosedItsSideGetsAllReplies() async throws {
        var options = TestServer.options
        options.unsentBytesMax = 64 << 10
        try await TestServer.with(options: options) { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 64))
                let ids = (0..<100).map { UInt64($0) }
                try await table.assign(ids, rows: numberedRows(100, 64))
                let raw = try RawConnection(to: server.address)
                try raw.shakeHands()
                // 100 requests are 80 KiB, their replies 2.5 MB.
                try raw.send(pulls(100, table.number, ids))
                raw.closeSending()
                try await Task.sleep(for: .milliseconds(200))
                var replies = 0
                while let reply = try? raw.frame(), reply.header.status == 0 { replies += 1 }
                #expect(replies == 100)
            }
        }
    }
}

/// Demotes until no row of a table is left in memory.
func demoteEverything(_ server: TestServer, _ name: String) throws {
    let rows = try server.store.table(named: name).rows
    for _ in 0..<3 { _ = try rows.demote(below: .everything, bytesMax: .max / 2) }
}
