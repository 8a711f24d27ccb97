internal import NIOCore

/// The calls that a connection has sent and that have no answer yet, by request id.
///
/// A call that has timed out stays, without its waiter, until its reply comes: its id must not be
/// used again before, and the server still counts it.
struct CallTable<Waiter> {
    private enum Entry {
        case waiting(Waiter, operation: UInt8, deadline: NIODeadline)
        case abandoned
    }

    private var entries: [UInt32: Entry] = [:]
    /// Calls that may be unanswered at once.
    let capacity: Int

    init(capacity: Int) {
        precondition(capacity >= 1, "\(capacity) calls at once")
        self.capacity = capacity
        entries.reserveCapacity(min(capacity, 1 << 10))
    }

    var isFull: Bool { entries.count >= capacity }

    /// Calls that wait, those that have timed out not counted.
    var waitingCount: Int {
        entries.values.count { entry in
            if case .waiting = entry { true } else { false }
        }
    }

    /// Keeps a call. The table must not be full.
    ///
    /// - Returns: false, and nothing is kept, when the request id is in use.
    mutating func insert(
        _ waiter: Waiter, requestID: UInt32, operation: UInt8, deadline: NIODeadline
    ) -> Bool {
        precondition(!isFull, "\(capacity) calls are unanswered")
        let entry = Entry.waiting(waiter, operation: operation, deadline: deadline)
        guard let taken = entries.updateValue(entry, forKey: requestID) else { return true }
        entries[requestID] = taken
        return false
    }

    /// What a reply of an id and operation is.
    enum Removal {
        case answered(Waiter)
        /// The reply to a call that has timed out.
        case late
        /// No call of that id and operation was sent.
        case unknown
    }

    /// Forgets a call whose reply has come.
    mutating func remove(_ requestID: UInt32, operation: UInt8) -> Removal {
        switch entries.removeValue(forKey: requestID) {
        case nil:
            return .unknown
        case .abandoned:
            return .late
        case .waiting(let waiter, let expected, let deadline):
            guard expected == operation else {
                entries[requestID] = .waiting(waiter, operation: expected, deadline: deadline)
                return .unknown
            }
            return .answered(waiter)
        }
    }

    /// Gives up the calls whose time is over, and says when the next one's is.
    mutating func expire(at now: NIODeadline) -> (expired: [Waiter], next: NIODeadline?) {
        var expired: [Waiter] = []
        var next: NIODeadline?
        for (requestID, entry) in entries {
            guard case .waiting(let waiter, _, let deadline) = entry else { continue }
            if deadline <= now {
                entries[requestID] = .abandoned
                expired.append(waiter)
            } else {
                next = min(next ?? deadline, deadline)
            }
        }
        return (expired, next)
    }

    /// Gives up every call.
    mutating func removeAll() -> [Waiter] {
        defer { entries = [:] }
        return entries.values.compactMap { entry in
            if case .waiting(let waiter, _, _) = entry { waiter } else { nil }
        }
    }
}
