import EmbeddingWire
import NIOCore
import NIOEmbedded
import Testing

@testable import EmbeddingServer

/// Limits and timeouts of one connection, by a clock that the tests move.
@Suite struct ConnectionLimitsTests {
    private let encoder = RequestEncoder(requestID: 1)

    private func connected(
        _ options: ServerOptions = ServerOptions(), greets: Bool = true,
        _ body: (EmbeddedConnection) throws -> Void
    ) async throws {
        let connection = try EmbeddedConnection(options)
        do {
            if greets { try connection.shakeHands() }
            try body(connection)
        } catch {
            try? await connection.end()
            throw error
        }
        try await connection.end()
        #expect(connection.memory.takenBytes == 0)
    }

    // MARK: timeouts

    /// Bytes do not help: a handshake that drips is late as well.
    @Test(arguments: [0, 9])
    func aConnectionWithoutAHandshakeIsCutOff(bytes: Int) async throws {
        try await connected(greets: false) { connection in
            for byte in Handshake.magic.prefix(bytes) {
                #expect(connection.isOpen)
                try connection.send(ByteBuffer(bytes: [byte]))
                connection.advance(seconds: 1)
            }
            connection.advance(seconds: 1)
            #expect(connection.isOpen)
            connection.advance(seconds: 9 - Int64(min(bytes, 8)))
            #expect(!connection.isOpen)
            #expect(connection.cutOff == [.handshake: 1])
        }
    }

    @Test func aConnectionThatHasShakenHandsMayBeIdle() async throws {
        try await connected { connection in
            connection.advance(seconds: 86_400)
            #expect(connection.isOpen)
            try connection.send(encoder.ping())
            #expect(try connection.reply()?.header.status == 0)
        }
    }

    @Test func anIdleConnectionIsCutOffIfThatIsAskedFor() async throws {
        var options = ServerOptions()
        options.idleTimeoutSeconds = 60
        try await connected(options) { connection in
            for _ in 0..<5 {
                connection.advance(seconds: 59)
                try connection.send(encoder.ping())
                #expect(try connection.reply()?.header.status == 0)
            }
            connection.advance(seconds: 59)
            #expect(connection.isOpen)
            connection.advance(seconds: 1)
            #expect(!connection.isOpen)
            #expect(connection.cutOff == [.idle: 1])
        }
    }

    @Test func aFrameThatDoesNotGoOnIsCutOff() async throws {
        try await connected { connection in
            let ping = encoder.ping(payload: [1, 2, 3])
            // It may take long as long as it goes on.
            for byte in ping.readableBytesView {
                connection.advance(seconds: 29)
                try connection.send(ByteBuffer(bytes: [byte]))
            }
            #expect(try connection.reply()?.header.status == 0)
            connection.advance(seconds: 1000)
            #expect(connection.isOpen)
            try connection.send(ping.getSlice(at: 0, length: 17)!)
            connection.advance(seconds: 29)
            #expect(connection.isOpen)
            connection.advance(seconds: 1)
            #expect(!connection.isOpen)
            #expect(connection.cutOff == [.receive: 1])
        }
    }

    @Test func aSlowReaderIsCutOffAndWhatItHeldIsFree() async throws {
        try await connected { connection in
            connection.stopTaking()
            try connection.send(encoder.ping(payload: [UInt8](repeating: 1, count: 1000)))
            #expect(connection.memory.takenBytes == 1016)
            connection.advance(seconds: 20)
            // It takes what there is: the time begins anew.
            connection.takeAll()
            #expect(try connection.reply()?.body.readableBytes == 1000)
            #expect(connection.memory.takenBytes == 0)
            connection.stopTaking()
            try connection.send(encoder.ping())
            connection.advance(seconds: 29)
            // More requests are no progress.
            try connection.send(encoder.ping())
            #expect(connection.isOpen)
            #expect(connection.memory.takenBytes == 32)
            connection.advance(seconds: 1)
            #expect(!connection.isOpen)
            #expect(connection.cutOff == [.send: 1])
            #expect(connection.memory.takenBytes == 0)
        }
    }

    // MARK: memory

    private var small: ServerOptions {
        var options = ServerOptions()
        options.requestMemoryBytesMax = 256 << 10
        return options
    }

    @Test func aFrameThatFindsNoRoomIsRefusedAndItsBodyDropped() async throws {
        try await connected(small) { connection in
            // Another connection holds all there is for requests that wait.
            connection.memory.takeHeld(200 << 10)
            defer { connection.memory.giveBack(200 << 10) }
            let ids = (0..<10_000).map { UInt64($0) }
            var pull = encoder.pull(table: 1, ids: ids, create: true)
            try connection.send(pull.readSlice(length: 10_000)!)
            let refused = try #require(try connection.reply())
            #expect(ErrorCode(rawValue: refused.header.status) == .overloaded)
            #expect(refused.header.requestID == 1)
            #expect(
                throws: WireError(
                    .overloaded, "requests hold as much memory as they may", retryAfterMs: 100)
            ) { try refused.checkStatus() }
            #expect(connection.memory.takenBytes == 200 << 10)
            try connection.send(pull.readSlice(length: 60_000)!)
            #expect(connection.memory.takenBytes == 200 << 10)
            try connection.send(pull)
            // The connection goes on where the dropped body ends.
            try connection.send(encoder.pull(table: 1, ids: [1], create: true))
            let reply = try #require(try connection.reply())
            #expect(reply.header.status == 0)
            #expect(reply.body.readableBytes == 16)
            #expect(connection.statistics.limitFigures.overloaded == 1)
        }
    }

    /// A frame whose body is not sent holds little, and one that never fits is refused for good.
    @Test func announcedBytesAreNotHeld() async throws {
        try await connected(small) { connection in
            var header = ByteBuffer()
            FrameHeader(
                bodyBytes: 180 << 10, requestID: 5, operation: 0x10, options: .none, table: 1
            ).write(to: &header)
            try connection.send(header)
            #expect(connection.memory.takenBytes <= 64 << 10)
            #expect(try connection.reply() == nil)
        }
        try await connected(small) { connection in
            var header = ByteBuffer()
            FrameHeader(
                bodyBytes: 1 << 20, requestID: 6, operation: 0x10, options: .none, table: 1
            ).write(to: &header)
            try connection.send(header)
            let refused = try #require(try connection.reply())
            #expect(ErrorCode(rawValue: refused.header.status) == .tooLarge)
            #expect(connection.memory.takenBytes == 0)
            #expect(connection.isOpen)
        }
    }

    @Test func withFullMemoryRequestsOfIdsAreRefusedAndOthersAnswered() async throws {
        try await connected(small) { connection in
            connection.memory.takeHeld(256 << 10)
            defer { connection.memory.giveBack(256 << 10) }
            try connection.send(encoder.pull(table: 1, ids: [1], create: true))
            try connection.send(
                encoder.push(table: 1, dimension: 4, ids: [1], gradients: [1, 1, 1, 1]))
            for _ in 0..<2 {
                let refused = try #require(try connection.reply())
                #expect(ErrorCode(rawValue: refused.header.status) == .overloaded)
            }
            try connection.send(encoder.ping())
            #expect(try connection.reply()?.header.status == 0)
            try connection.send(encoder.count(table: 1))
            #expect(try connection.reply()?.rowCount() == 0)
        }
    }

    /// Refusals that are not taken do not pile up: the connection is not read from.
    @Test func aFullServerDoesNotReadFromAClientThatDoesNot() async throws {
        try await connected(small) { connection in
            connection.memory.takeHeld(256 << 10)
            connection.stopTaking()
            let pull = encoder.pull(table: 1, ids: [1], create: true)
            var pulls = ByteBuffer()
            for _ in 0..<5000 { pulls.writeImmutableBuffer(pull) }
            try connection.send(pulls)
            let refusals = Int(connection.statistics.limitFigures.overloaded)
            #expect((100..<1500).contains(refusals))
            connection.memory.giveBack(256 << 10)
            connection.takeAll()
            var replies = 0
            while try connection.reply() != nil { replies += 1 }
            #expect(replies == 5000)
        }
    }

    // MARK: stopping

    /// What has been read and not been taken up is refused, and what is sent later too.
    @Test func aStoppingServerAnswersWhatItHasRead() async throws {
        var options = ServerOptions()
        options.unsentBytesMax = 1
        try await connected(options) { connection in
            connection.channel.isWritable = false
            for requestID in 1...3 as ClosedRange<UInt32> {
                try connection.send(RequestEncoder(requestID: requestID).ping())
            }
            #expect(try connection.reply() == nil)
            connection.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
            for requestID in 1...3 as ClosedRange<UInt32> {
                let reply = try #require(try connection.reply())
                #expect(reply.header.requestID == requestID)
                #expect(ErrorCode(rawValue: reply.header.status) == .shuttingDown)
            }
        }
    }
}
