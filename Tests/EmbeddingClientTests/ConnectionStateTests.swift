import EmbeddingWire
import NIOCore
import Testing

@testable import EmbeddingClient

@Suite struct ConnectionStateTests {
    private func limits(inFlight: Int) -> Limits {
        Limits(frameBytesMax: 1000, idsMax: 10, requestsInFlightMax: inFlight)
    }

    private func opened(inFlight: Int = 2, queuedMax: Int = 2) -> ConnectionState<Int> {
        var state = ConnectionState<Int>(queuedMax: queuedMax)
        let welcome = Welcome(
            version: 1, capabilities: .all, limits: limits(inFlight: inFlight))
        guard case .open = state.receive(welcome, asked: .all) else {
            Issue.record("a good Welcome was not taken")
            return state
        }
        return state
    }

    private func call(_ waiter: Int, deadline seconds: Int64 = 10) -> ConnectionState<Int>.Call {
        .init(
            waiter: waiter, frame: ByteBuffer(integer: waiter), operation: 0x10,
            deadline: .uptimeNanoseconds(0) + .seconds(seconds))
    }

    private func reply(_ requestID: UInt32, operation: UInt8 = 0x10) -> FrameHeader {
        FrameHeader(bodyBytes: 0, requestID: requestID, operation: operation, options: .none)
    }

    /// The request id under which a call is written; none when it is not written now.
    private func written(_ action: ConnectionState<Int>.SubmitAction) -> UInt32? {
        if case .write(let requestID) = action { requestID } else { nil }
    }

    private func failure(_ action: ConnectionState<Int>.SubmitAction) -> ConnectionError? {
        if case .fail(let error) = action { error } else { nil }
    }

    private func delivered(_ action: ConnectionState<Int>.ReplyAction) -> Int? {
        if case .deliver(let waiter) = action { waiter } else { nil }
    }

    private func isClose(_ action: ConnectionState<Int>.ReplyAction) -> Bool {
        if case .close = action { true } else { false }
    }

    @Test func repliesFindTheirCallInAnyOrder() throws {
        var state = opened()
        let first = try #require(written(state.submit(call(1))))
        let second = try #require(written(state.submit(call(2))))
        #expect(delivered(state.receive(reply(second))) == 2)
        #expect(delivered(state.receive(reply(first))) == 1)
        #expect(state.waitingCount == 0)
    }

    @Test func callsBeyondTheServersLimitWaitForTheirTurn() throws {
        var state = opened(inFlight: 1, queuedMax: 2)
        let first = try #require(written(state.submit(call(1))))
        #expect(written(state.submit(call(2))) == nil)
        #expect(written(state.submit(call(3))) == nil)
        #expect(failure(state.submit(call(4))) == .tooManyCalls)
        let noTurn = state.next()
        #expect(noTurn == nil)
        #expect(delivered(state.receive(reply(first))) == 1)

        let turn = state.next()
        let (frame, second) = try #require(turn)
        #expect(frame == ByteBuffer(integer: 2))
        let stillFull = state.next()
        #expect(stillFull == nil)
        // Call 3 goes before a call that is made now.
        #expect(written(state.submit(call(5))) == nil)
        #expect(delivered(state.receive(reply(second))) == 2)
        let last = state.next()
        #expect(last?.frame == ByteBuffer(integer: 3))
    }

    @Test func timeIsOverForCallsSentAndCallsQueued() throws {
        var state = opened(inFlight: 1, queuedMax: 4)
        let sent = try #require(written(state.submit(call(1, deadline: 5))))
        _ = state.submit(call(2, deadline: 3))
        _ = state.submit(call(3, deadline: 9))
        var (expired, next) = state.expire(at: .uptimeNanoseconds(0) + .seconds(5))
        #expect(Set(expired) == [1, 2])
        #expect(next == .uptimeNanoseconds(0) + .seconds(9))
        // The server still counts the call that it has not answered.
        let noTurn = state.next()
        #expect(noTurn == nil)
        guard case .drop = state.receive(reply(sent)) else {
            Issue.record("a late reply was not dropped")
            return
        }
        let turn = state.next()
        #expect(turn?.frame == ByteBuffer(integer: 3))
        (expired, next) = state.expire(at: .uptimeNanoseconds(0) + .seconds(9))
        #expect(expired == [3])
        #expect(next == nil)
    }

    @Test func closingHandsBackEveryCallOnce() throws {
        var state = opened(inFlight: 2, queuedMax: 4)
        for waiter in 1...4 { _ = state.submit(call(waiter)) }
        #expect(Set(state.close(.closed(reason: "first"))) == [1, 2, 3, 4])
        #expect(state.close(.timedOut).isEmpty)
        #expect(failure(state.submit(call(5))) == .closed(reason: "first"))
        #expect(isClose(state.receive(reply(1))))
        let noTurn = state.next()
        #expect(noTurn == nil)
    }

    @Test func aReplyToNothingBreaksTheProtocol() throws {
        var state = opened()
        #expect(isClose(state.receive(reply(0))))
        let sent = try #require(written(state.submit(call(1))))
        #expect(isClose(state.receive(reply(sent, operation: 0x11))))
        #expect(isClose(state.receive(reply(sent &+ 1))))
        #expect(state.waitingCount == 1)
    }

    @Test func aReplyBeforeTheWelcomeBreaksTheProtocol() {
        var state = ConnectionState<Int>(queuedMax: 1)
        #expect(isClose(state.receive(reply(0))))
    }

    @Test func onlyAGoodWelcomeOpensTheConnection() {
        let limits = limits(inFlight: 1)
        let refusal = WireError(.tooManyConnections, "full")
        func error(_ welcome: Welcome, asked: Capabilities = .all) -> ConnectionError? {
            var state = ConnectionState<Int>(queuedMax: 1)
            if case .close(let error) = state.receive(welcome, asked: asked) { return error }
            return nil
        }
        #expect(error(Welcome(version: 1, capabilities: .all, limits: limits)) == nil)
        #expect(error(Welcome(refusing: refusal, limits: limits)) == .refused(refusal))
        #expect(error(Welcome(version: 2, capabilities: [], limits: limits)) != nil)
        #expect(
            error(Welcome(version: 1, capabilities: .all, limits: limits), asked: .writes) != nil)
        var state = opened()
        if case .open = state.receive(
            Welcome(version: 1, capabilities: .all, limits: limits), asked: .all)
        {
            Issue.record("a second Welcome was taken")
        }
    }
}
