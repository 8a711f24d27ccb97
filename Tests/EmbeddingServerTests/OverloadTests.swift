import EmbeddingClient
import EmbeddingServer
import Foundation
import NIOCore
import Testing

@testable import EmbeddingStore

/// Many clients at once that ask for more than the server holds: a part is refused, what it holds
/// stays within its limit, and when they are gone everything is as before.
@Suite(.serialized) struct OverloadTests {
    /// What a server says about its limits.
    private struct Report: Decodable {
        struct Memory: Decodable { var limitBytes: Int, heldBytes: Int }
        struct Queue: Decodable { var limit: Int, requests: Int }
        struct Refused: Decodable { var overloaded: Int, connections: Int }
        struct CutOff: Decodable { var handshake: Int, receive: Int, send: Int, idle: Int }
        var requestMemory: Memory
        var diskQueue: Queue
        var refused: Refused
        var cutOff: CutOff
    }

    /// The stats request itself holds a little.
    private static let idleBytesMax = 1024

    private func report(_ client: EmbeddingClient) async throws -> Report {
        try JSONDecoder().decode(Report.self, from: Data(try await client.stats().utf8))
    }

    /// Asks until the answer is as it should be; for what happens a moment later.
    private func eventually(
        _ client: EmbeddingClient, _ isSo: (Report) -> Bool,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        var last = try await report(client)
        for _ in 0..<500 where !isSo(last) {
            try await Task.sleep(for: .milliseconds(20))
            last = try await report(client)
        }
        #expect(isSo(last), "\(last)", sourceLocation: sourceLocation)
    }

    private struct Flood {
        var replies: [EventLoopFuture<Frame>] = []
        /// Those of them that came while the disk stood still.
        var refusals: [Frame] = []
    }

    /// Sends `count` pulls on each client, and returns when each is answered or waits for the disk.
    private func flood(
        _ clients: [EmbeddingClient], _ count: Int, _ table: UInt32, _ ids: [UInt64]
    ) async throws -> Flood {
        var flood = Flood()
        for client in clients {
            for _ in 0..<count {
                flood.replies.append(
                    client.send(client.encoder.pull(table: table, ids: ids, create: false)))
            }
        }
        // Answered at once, behind the refusals of the same connection.
        for client in clients { try await client.ping() }
        let done = NIOLockedFrames()
        for reply in flood.replies { reply.whenSuccess { done.append($0) } }
        for client in clients { try await client.ping() }
        flood.refusals = done.frames
        return flood
    }

    @Test func aFullDiskQueueRefusesAndForgetsNothing() async throws {
        var options = TestServer.options
        options.requestsQueuedMax = 8
        try await TestServer.with(options: options) { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 4))
                let ids = Array(1...50 as ClosedRange<UInt64>)
                try await table.assign(ids, rows: numberedRows(50, 4))
                try demoteEverything(server, "t")
                var clients: [EmbeddingClient] = []
                for _ in 0..<4 { clients.append(try await server.connect()) }

                server.cold.hold(.read)
                let flood = try await flood(clients, 20, table.number, ids)
                #expect(flood.refusals.count == 72)
                for refusal in flood.refusals {
                    let error = #expect(throws: WireError.self) { try refusal.checkStatus() }
                    #expect(error?.code == .overloaded)
                    #expect((error?.retryAfterMs ?? 0) > 0)
                }
                let busy = try await report(client)
                #expect(busy.diskQueue.requests == 8)
                #expect(busy.diskQueue.limit == 8)
                #expect(busy.refused.overloaded == 72)
                // A write that finds the queue full changes nothing.
                #expect(
                    try await refusal {
                        try await table.push(ids, gradients: Array(repeating: -1, count: 200))
                    } == .overloaded)
                server.cold.release(.read)

                let layout = RowsLayout(rows: 50, dimension: 4, format: .float32, hasFound: true)
                var answered = 0
                for reply in flood.replies {
                    let frame = try await reply.get()
                    if frame.header.status != 0 { continue }
                    answered += 1
                    expectRows(try frame.rows(layout), numberedRows(50, 4))
                }
                #expect(answered == 8)
                try await table.push(ids, gradients: Array(repeating: -1, count: 200))
                let rows = try await table.pull(ids, create: false).values
                expectRows(rows, numberedRows(50, 4).map { $0 + 1 })
                try await eventually(client) {
                    $0.diskQueue.requests == 0 && $0.requestMemory.heldBytes <= Self.idleBytesMax
                }
                for client in clients { await client.close() }
            }
        }
    }

    @Test func whatRequestsHoldStaysWithinItsLimit() async throws {
        var options = TestServer.options
        options.requestMemoryBytesMax = 1 << 20
        try await TestServer.with(options: options) { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 16))
                let ids = Array(1...500 as ClosedRange<UInt64>)
                try await table.assign(ids, rows: numberedRows(500, 16))
                try demoteEverything(server, "t")
                try await table.assign([1000], rows: numberedRows(1, 16))
                var clients: [EmbeddingClient] = []
                for _ in 0..<5 { clients.append(try await server.connect()) }

                server.cold.hold(.read)
                // Each is 4 KiB and asks for 32.
                let flood = try await flood(clients, 40, table.number, ids)
                let busy = try await report(client)
                #expect(busy.requestMemory.limitBytes == 1 << 20)
                #expect((512 << 10...800 << 10).contains(busy.requestMemory.heldBytes), "\(busy)")
                #expect((150..<190).contains(flood.refusals.count), "\(flood.refusals.count)")
                #expect(busy.refused.overloaded == flood.refusals.count)
                // What is in memory is answered meanwhile.
                expectRows(try await table.pull([1000], create: false).values, numberedRows(1, 16))
                server.cold.release(.read)

                let layout = RowsLayout(rows: 500, dimension: 16, format: .float32, hasFound: true)
                for reply in flood.replies {
                    let frame = try await reply.get()
                    if frame.header.status != 0 { continue }
                    expectRows(try frame.rows(layout), numberedRows(500, 16))
                }
                expectRows(
                    try await table.pull(ids, create: false).values, numberedRows(500, 16))
                try await eventually(client) {
                    $0.requestMemory.heldBytes <= Self.idleBytesMax
                }
                for client in clients { await client.close() }
            }
        }
    }

    /// All of them send most of a long frame before any sends the rest.
    @Test func longFramesOfManyClientsDoNotEatTheMemory() async throws {
        var options = TestServer.options
        options.requestMemoryBytesMax = 4 << 20
        // A machine that is busy may take long between the parts of a frame.
        options.receiveTimeoutSeconds = 600
        try await TestServer.with(options: options) { server in
            try await server.connected { client in
                let bodyBytes = 1 << 20
                // Of no known operation: what it is shows when it has been read.
                var frame = ByteBuffer()
                FrameHeader(
                    bodyBytes: UInt32(bodyBytes), requestID: 1, operation: 0x77, options: .none
                ).write(to: &frame)
                frame.writeRepeatingByte(0, count: bodyBytes)
                let bytes = Array(frame.readableBytesView)
                let connections = try (0..<24).map { _ in try RawConnection(to: server.address) }
                var heldMax = 0
                for connection in connections {
                    try connection.shakeHands()
                    try connection.send(Array(bytes[..<(900 << 10)]))
                    heldMax = max(heldMax, try await report(client).requestMemory.heldBytes)
                }
                #expect(heldMax > 2 << 20, "\(heldMax)")
                #expect(heldMax <= 4 << 20, "\(heldMax)")
                var codes: [ErrorCode: Int] = [:]
                for connection in connections {
                    try connection.send(Array(bytes[(900 << 10)...]))
                    codes[ErrorCode(rawValue: try connection.frame().header.status), default: 0] +=
                        1
                }
                #expect(codes[.unknownOperation, default: 0] >= 2, "\(codes)")
                #expect(codes[.overloaded, default: 0] >= 20, "\(codes)")
                #expect(codes.values.reduce(0, +) == 24)
                // Each connection goes on, and there is room again.
                try await eventually(client) {
                    $0.requestMemory.heldBytes <= Self.idleBytesMax
                }
                for connection in connections {
                    try connection.send(bytes)
                    let reply = try connection.frame()
                    #expect(ErrorCode(rawValue: reply.header.status) == .unknownOperation)
                }
            }
        }
    }

    @Test(arguments: [TestServer.Socket.unix, .tcp])
    func aSlowReaderIsCutOff(socket: TestServer.Socket) async throws {
        var options = TestServer.options
        options.unsentBytesMax = 256 << 10
        options.sendTimeoutSeconds = 0.2
        try await TestServer.with(socket: socket, options: options) { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 64))
                let ids = (0..<500).map { UInt64($0) }
                try await table.assign(ids, rows: numberedRows(500, 64))
                let raw = try RawConnection(to: server.address)
                try raw.shakeHands()
                // 12 MB of replies, more than the sockets hold.
                for _ in 0..<100 {
                    let pull = RequestEncoder().pull(table: table.number, ids: ids, create: true)
                    guard (try? raw.send(pull)) != nil else { break }
                }
                try await eventually(client) {
                    $0.cutOff.send == 1 && $0.requestMemory.heldBytes <= Self.idleBytesMax
                }
                expectRows(try await table.pull(ids).values, numberedRows(500, 64))
            }
        }
    }

    /// A client that is gone holds nothing once the disk is done with its requests.
    @Test func whatAClientThatIsGoneHeldIsFree() async throws {
        try await TestServer.with { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 16))
                let ids = Array(1...200 as ClosedRange<UInt64>)
                try await table.assign(ids, rows: numberedRows(200, 16))
                try demoteEverything(server, "t")
                server.cold.hold(.read)
                do {
                    let raw = try RawConnection(to: server.address)
                    try raw.shakeHands()
                    let gradients = [Float](repeating: -1, count: 3200)
                    for requestID in 1...20 as ClosedRange<UInt32> {
                        let encoder = RequestEncoder(requestID: requestID)
                        try raw.send(encoder.pull(table: table.number, ids: ids, create: false))
                        // Each waits for the one before.
                        try raw.send(
                            encoder.push(
                                table: table.number, dimension: 16, ids: ids, gradients: gradients))
                    }
                    #expect(try await server.cold.untilHeld(.read))
                    try await eventually(client) { $0.requestMemory.heldBytes > 300_000 }
                }
                server.cold.release(.read)
                try await eventually(client) {
                    $0.requestMemory.heldBytes <= Self.idleBytesMax && $0.diskQueue.requests == 0
                }
                // The pushes that were done were done whole.
                let rows = try await table.pull(ids, create: false).values
                let pushes = rows[0] - 1
                #expect((0...20).contains(pushes))
                expectRows(rows, numberedRows(200, 16).map { $0 + pushes })
            }
        }
    }
}

/// Frames that came, from whichever event loop.
private final class NIOLockedFrames: @unchecked Sendable {
    private let lock = NSLock()
    private var received: [Frame] = []

    func append(_ frame: Frame) { lock.withLock { received.append(frame) } }
    var frames: [Frame] { lock.withLock { received } }
}
