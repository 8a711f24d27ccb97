internal import EmbeddingWire
internal import NIOCore

/// What one connection of a client knows, without sockets or clocks: methods are told what happened
/// and return what to do.
///
/// `Waiter` is whatever is told of a call's end; the state hands each back exactly once.
struct ConnectionState<Waiter>: ~Copyable {
    /// A call on its way: as it is handed in, and as it waits for its turn.
    struct Call {
        var waiter: Waiter
        /// The whole frame.
        var frame: ByteBuffer
        var requestID: UInt32
        var operation: UInt8
        var deadline: NIODeadline
    }

    private enum Phase {
        /// The Hello is out; calls cannot be made yet.
        case greeting
        case open
        case closed(ConnectionError)
    }

    private var phase = Phase.greeting
    private var sent = CallTable<Waiter>(capacity: 1)
    /// Calls beyond what the server allows unanswered, first come first served.
    private var queue = CircularBuffer<Call>()
    /// Most calls that queue.
    private let queuedMax: Int

    init(queuedMax: Int) {
        self.queuedMax = queuedMax
    }

    var waitingCount: Int { sent.waitingCount + queue.count }

    enum WelcomeAction {
        /// Calls can be made.
        case open
        /// Close the connection for this reason.
        case close(ConnectionError)
    }

    mutating func receive(_ welcome: Welcome, asked: Capabilities) -> WelcomeAction {
        guard case .greeting = phase else {
            return .close(.protocolViolation("a Welcome where none is due"))
        }
        if let refusal = welcome.refusal { return .close(.refused(refusal)) }
        guard Handshake.versions.contains(welcome.version) else {
            return .close(.protocolViolation("version \(welcome.version) was chosen"))
        }
        guard asked.isSuperset(of: welcome.capabilities) else {
            return .close(.protocolViolation("capabilities that were not asked for were granted"))
        }
        phase = .open
        sent = CallTable(capacity: welcome.limits.requestsInFlightMax)
        return .open
    }

    enum SubmitAction {
        /// Write the call's frame.
        case write
        /// Do nothing: the call is written when others have their answers.
        case wait
        case fail(ConnectionError)
    }

    /// A call is to be made.
    mutating func submit(_ call: Call) -> SubmitAction {
        switch phase {
        case .greeting:
            preconditionFailure("a call before the handshake is done")
        case .closed(let error):
            return .fail(error)
        case .open where !sent.isFull && queue.isEmpty:
            return send(call) ? .write : .fail(.tooManyCalls)
        case .open where queue.count < queuedMax:
            queue.append(call)
            return .wait
        case .open:
            return .fail(.tooManyCalls)
        }
    }

    enum ReplyAction {
        /// Hand the reply to the waiter, then write what has waited for its turn.
        case deliver(Waiter)
        /// Nobody waits any more.
        case drop
        /// Close the connection for this reason.
        case close(ConnectionError)
    }

    /// A reply has come. Afterwards there may be room for a call that queues: see ``next()``.
    mutating func receive(_ reply: FrameHeader) -> ReplyAction {
        guard case .open = phase else {
            return .close(.protocolViolation("a reply outside of a conversation"))
        }
        switch sent.remove(reply.requestID, operation: reply.operation) {
        case .answered(let waiter): return .deliver(waiter)
        case .late: return .drop
        case .unknown:
            return .close(
                .protocolViolation(
                    "a reply to request \(reply.requestID) of operation \(reply.operation), "
                        + "which was not sent"))
        }
    }

    enum NextAction {
        /// Write this frame: its call's turn has come.
        case write(ByteBuffer)
        /// This call cannot be made.
        case fail(Waiter, ConnectionError)
        /// There is no room, or no call that queues.
        case wait
    }

    /// What to do with the calls that queue; to be asked until it says `wait`.
    mutating func next() -> NextAction {
        guard case .open = phase, !sent.isFull, let call = queue.popFirst() else { return .wait }
        return send(call) ? .write(call.frame) : .fail(call.waiter, .tooManyCalls)
    }

    /// - Returns: false when the ids have come round and the call's is still in use.
    private mutating func send(_ call: Call) -> Bool {
        sent.insert(
            call.waiter, requestID: call.requestID, operation: call.operation,
            deadline: call.deadline)
    }

    /// Calls whose time is over, and when the next one's is; none when no call is left.
    mutating func expire(at now: NIODeadline) -> (expired: [Waiter], next: NIODeadline?) {
        var (expired, next) = sent.expire(at: now)
        queue.removeAll { call in
            guard call.deadline <= now else {
                next = min(next ?? call.deadline, call.deadline)
                return false
            }
            expired.append(call.waiter)
            return true
        }
        return (expired, next)
    }

    /// The connection has ended or is to end. The first reason counts for all later calls.
    ///
    /// - Returns: every call without an answer, to be failed with `error`.
    mutating func close(_ error: ConnectionError) -> [Waiter] {
        if case .closed = phase { return [] }
        phase = .closed(error)
        defer { queue.removeAll() }
        return sent.removeAll() + queue.map(\.waiter)
    }
}
