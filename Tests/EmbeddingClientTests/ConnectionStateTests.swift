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
            waiter: waiter, frame: ByteBuffer(integer: waiter), requestID: UInt32(waiter),
            operation: 0x10, deadline: .uptimeNanoseconds(0) + .seconds(seconds))
    }

    private func reply(_ requestID: UInt32, operation: UInt8 = 0x10) -> FrameHeader {
        FrameHeader(bodyBytes: 0, requestID: requestID, operation: operation, options: .none)
    }

    private func isWrite(_ action: ConnectionState<Int>.SubmitAction) -> Bool {
        if case .write = action { true } else { false }
    }

    private func isWait(_ action: ConnectionState<Int>.SubmitAction) -> Bool {
        if case .wait = action { true } else { false }
    }

    /// The waiter whose frame is written now.
    private func written(_ action: ConnectionState<Int>.NextAction) -> Int? {
        if case .write(let frame) = action { frame.getInteger(at: 0) } else { nil }
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

    @Test func repliesFindTheirCallInAnyOrder() {
        var state = opened()
        #expect(isWrite(state.submit(call(1))))
        #expect(isWrite(state.submit(call(2))))
        #expect(delivered(state.receive(reply(2))) == 2)
        #expect(delivered(state.receive(reply(1))) == 1)
        #expect(state.waitingCount == 0)
    }

    @Test func callsBeyondTheServersLimitWaitForTheirTurn() {
        var state = opened(inFlight: 1, queuedMax: 2)
        #expect(isWrite(state.submit(call(1))))
        #expect(isWait(state.submit(call(2))))
        #expect(isWait(state.submit(call(3))))
        #expect(failure(state.submit(call(4))) == .tooManyCalls)
        #expect(written(state.next()) == nil)
        #expect(delivered(state.receive(reply(1))) == 1)
        #expect(written(state.next()) == 2)
        #expect(written(state.next()) == nil)
        // Call 3 goes before a call that is made now.
        #expect(isWait(state.submit(call(5))))
        #expect(delivered(state.receive(reply(2))) == 2)
        #expect(written(state.next()) == 3)
    }

    @Test func anIDInUseFailsTheSecondCall() {
        var state = opened(inFlight: 2, queuedMax: 2)
        #expect(isWrite(state.submit(call(1))))
        #expect(failure(state.submit(call(1))) == .tooManyCalls)
        #expect(isWrite(state.submit(call(2))))
        #expect(isWait(state.submit(call(1))))
        #expect(delivered(state.receive(reply(2))) == 2)
        guard case .fail(1, .tooManyCalls) = state.next() else {
            Issue.record("a queued call took an id in use")
            return
        }
        #expect(delivered(state.receive(reply(1))) == 1)
    }

    @Test func timeIsOverForCallsSentAndCallsQueued() {
        var state = opened(inFlight: 1, queuedMax: 4)
        #expect(isWrite(state.submit(call(1, deadline: 5))))
        _ = state.submit(call(2, deadline: 3))
        _ = state.submit(call(3, deadline: 9))
        var (expired, next) = state.expire(at: .uptimeNanoseconds(0) + .seconds(5))
        #expect(Set(expired) == [1, 2])
        #expect(next == .uptimeNanoseconds(0) + .seconds(9))
        // The server still counts the call that it has not answered.
        #expect(written(state.next()) == nil)
        guard case .drop = state.receive(reply(1)) else {
            Issue.record("a late reply was not dropped")
            return
        }
        #expect(written(state.next()) == 3)
        (expired, next) = state.expire(at: .uptimeNanoseconds(0) + .seconds(9))
        #expect(expired == [3])
        #expect(next == nil)
    }

    @Test func closingHandsBackEveryCallOnce() {
        var state = opened(inFlight: 2, queuedMax: 4)
        for waiter in 1...4 { _ = state.submit(call(waiter)) }
        #expect(Set(state.close(.closed(reason: "first"))) == [1, 2, 3, 4])
        #expect(state.close(.timedOut).isEmpty)
        #expect(failure(state.submit(call(5))) == .closed(reason: "first"))
        #expect(isClose(state.receive(reply(1))))
        #expect(written(state.next()) == nil)
    }

    @Test func aReplyToNothingBreaksTheProtocol() {
        var state = opened()
        #expect(isClose(state.receive(reply(0))))
        #expect(isWrite(state.submit(call(1))))
        #expect(isClose(state.receive(reply(1, operation: 0x11))))
        #expect(isClose(state.receive(reply(2))))
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
