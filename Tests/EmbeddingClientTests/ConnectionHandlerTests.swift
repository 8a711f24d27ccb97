import EmbeddingWire
import NIOCore
import NIOEmbedded
import Testing

@testable import EmbeddingClient

@Suite struct ConnectionHandlerTests {
    /// A connected channel with the handler in it, greeted by the server or not.
    private func connect(
        greeted: Bool = true, inFlight: Int = 4
    ) throws -> (EmbeddedChannel, ConnectionHandler, EventLoopFuture<Welcome>) {
        let channel = EmbeddedChannel()
        try channel.connect(to: SocketAddress(unixDomainSocketPath: "/none")).wait()
        let welcomed = channel.eventLoop.makePromise(of: Welcome.self)
        let handler = ConnectionHandler(hello: Hello(), welcomed: welcomed, queuedMax: 8)
        try channel.pipeline.syncOperations.addHandler(handler)
        var hello = ByteBuffer()
        Hello().write(to: &hello)
        #expect(try channel.readOutbound(as: ByteBuffer.self) == hello)
        if greeted {
            let limits = Limits(
                frameBytesMax: 4096, idsMax: 100, requestsInFlightMax: inFlight)
            var welcome = ByteBuffer()
            Welcome(version: 1, capabilities: .all, limits: limits).write(to: &welcome)
            try channel.writeInbound(welcome)
            #expect(try welcomed.futureResult.wait().limits == limits)
        }
        return (channel, handler, welcomed.futureResult)
    }

    private func ping(
        _ byte: UInt8, _ handler: ConnectionHandler, on channel: EmbeddedChannel,
        timeout: TimeAmount = .seconds(3600)
    ) -> EventLoopFuture<Frame> {
        let promise = channel.eventLoop.makePromise(of: Frame.self)
        let frame = RequestEncoder(requestID: 1000 + UInt32(byte)).ping(payload: [byte])
        handler.call(frame, timeout: timeout, promise: promise)
        channel.embeddedEventLoop.run()
        return promise.futureResult
    }

    /// The pings that the channel has written, as the server reads them.
    private func pings(on channel: EmbeddedChannel) throws -> [(FrameHeader, ByteBuffer)] {
        var pings: [(FrameHeader, ByteBuffer)] = []
        var decoder = FrameDecoder(frameBytesMax: 4096)
        while var buffer = try channel.readOutbound(as: ByteBuffer.self) {
            let frame = try #require(try decoder.decode(buffer: &buffer))
            pings.append((frame.header, frame.body))
        }
        return pings
    }

    @Test func callsAreAnsweredInTheServersOrder() throws {
        let (channel, handler, _) = try connect()
        let answers = (0..<3).map { ping($0, handler, on: channel) }
        let received = try pings(on: channel)
        #expect(Set(received.map(\.0.requestID)).count == 3)
        for (header, payload) in received.reversed() {
            try channel.writeInbound(Reply(to: header, allocator: .init()).echo(payload))
        }
        for (byte, answer) in answers.enumerated() {
            #expect(try Array(buffer: answer.wait().body) == [UInt8(byte)])
        }
    }

    @Test func queuedCallsFollowAsAnswersCome() throws {
        let (channel, handler, _) = try connect(inFlight: 1)
        let answers = (0..<3).map { ping($0, handler, on: channel) }
        for answer in answers {
            let received = try pings(on: channel)
            #expect(received.count == 1)
            try channel.writeInbound(
                Reply(to: received[0].0, allocator: .init()).echo(received[0].1))
            channel.embeddedEventLoop.run()
            _ = try answer.wait()
        }
    }

    @Test func aLostConnectionFailsEveryCall() throws {
        let (channel, handler, _) = try connect(inFlight: 1)
        let answers = (0..<3).map { ping($0, handler, on: channel) }
        channel.pipeline.fireChannelInactive()
        for answer in answers { #expect(throws: ConnectionError.self) { try answer.wait() } }
        let after = ping(9, handler, on: channel)
        #expect(throws: ConnectionError.self) { try after.wait() }
    }

    @Test func aCallTimesOutAndItsLateReplyIsDropped() throws {
        let (channel, handler, _) = try connect()
        let late = ping(1, handler, on: channel, timeout: .nanoseconds(1))
        let patient = ping(2, handler, on: channel)
        // The handler compares with the real clock; the embedded one only fires the timer.
        channel.embeddedEventLoop.advanceTime(to: .now() + .seconds(1))
        #expect(throws: ConnectionError.timedOut) { try late.wait() }
        for (header, payload) in try pings(on: channel) {
            try channel.writeInbound(Reply(to: header, allocator: .init()).echo(payload))
        }
        #expect(try Array(buffer: patient.wait().body) == [2])
        #expect(channel.isActive)
    }

    @Test func aRefusalReachesWhoeverConnects() throws {
        let (channel, _, welcomed) = try connect(greeted: false)
        let limits = Limits(frameBytesMax: 1, idsMax: 1, requestsInFlightMax: 1)
        let refusal = WireError(.tooManyConnections, "full")
        var welcome = ByteBuffer()
        Welcome(refusing: refusal, limits: limits).write(to: &welcome)
        try channel.writeInbound(welcome)
        #expect(throws: ConnectionError.refused(refusal)) { try welcomed.wait() }
        #expect(!channel.isActive)
    }

    @Test(arguments: [
        "HTTP/1.1 400 Bad Request\r\n", "TCLINE\r\n\u{9}\u{0}",
    ]) func anotherProtocolClosesTheConnection(answer: String) throws {
        let (channel, _, welcomed) = try connect(greeted: false)
        try channel.writeInbound(ByteBuffer(string: answer))
        channel.pipeline.fireChannelInactive()
        #expect(throws: ConnectionError.self) { try welcomed.wait() }
    }

    @Test func aReplyOverTheAnnouncedLimitClosesTheConnection() throws {
        let (channel, handler, _) = try connect()
        let answer = ping(1, handler, on: channel)
        let header = try #require(try pings(on: channel).first?.0)
        var reply = ByteBuffer()
        FrameHeader(
            bodyBytes: .max, requestID: header.requestID, operation: header.operation,
            options: .none
        ).write(to: &reply)
        try channel.writeInbound(reply)
        #expect(throws: ConnectionError.self) { try answer.wait() }
        #expect(!channel.isActive)
    }
}
