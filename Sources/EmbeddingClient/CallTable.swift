internal import NIOCore

/// The calls that a connection has sent and that have no answer yet, found by request id in
/// constant time.
///
/// A request id is a slot's index in its lower 16 bits and a count of the slot's uses above
/// them, so that a reply that comes twice, or to no request, is noticed. A slot whose call has
/// timed out stays taken until its reply comes: its id must not be used again before, and
/// the server still counts it.
struct CallTable<Waiter> {
    private enum Slot {
        case free
        case waiting(Waiter, operation: UInt8, deadline: NIODeadline)
        case abandoned
    }

    private var slots: [Slot] = []
    /// Uses of each slot so far, cut to 16 bits.
    private var uses: [UInt16] = []
    private var freeSlots: [Int] = []
    /// Calls that may be unanswered at once.
    let capacity: Int

    /// Slots that a request id has room for.
    static var capacityMax: Int { 1 << 16 }

    init(capacity: Int) {
        precondition(capacity >= 1 && capacity <= Self.capacityMax, "\(capacity) calls at once")
        self.capacity = capacity
    }

    var isFull: Bool { freeSlots.isEmpty && slots.count == capacity }

    /// Calls that wait, those that have timed out not counted.
    var waitingCount: Int {
        slots.count { slot in
            if case .waiting = slot { true } else { false }
        }
    }

    /// Keeps a call and gives it a request id. The table must not be full.
    mutating func insert(_ waiter: Waiter, operation: UInt8, deadline: NIODeadline) -> UInt32 {
        precondition(!isFull, "every slot is taken")
        let index: Int
        if let free = freeSlots.popLast() {
            index = free
        } else {
            index = slots.count
            slots.append(.free)
            uses.append(0)
        }
        slots[index] = .waiting(waiter, operation: operation, deadline: deadline)
        uses[index] &+= 1
        return UInt32(uses[index]) << 16 | UInt32(index)
    }

    /// What a reply of an id and operation is.
    enum Removal {
        case answered(Waiter)
        /// The reply to a call that has timed out.
        case late
        /// No call of that id and operation was sent.
        case unknown
    }

    /// Frees the slot of a call whose reply has come.
    mutating func remove(_ requestID: UInt32, operation: UInt8) -> Removal {
        let index = Int(requestID & 0xFFFF)
        guard index < slots.count, uses[index] == UInt16(requestID >> 16) else { return .unknown }
        switch slots[index] {
        case .free:
            return .unknown
        case .abandoned:
            free(index)
            return .late
        case .waiting(let waiter, let expected, _):
            guard expected == operation else { return .unknown }
            free(index)
            return .answered(waiter)
        }
    }

    private mutating func free(_ index: Int) {
        slots[index] = .free
        freeSlots.append(index)
    }

    /// Gives up the calls whose time is over, and says when the next one's is.
    mutating func expire(at now: NIODeadline) -> (expired: [Waiter], next: NIODeadline?) {
        var expired: [Waiter] = []
        var next: NIODeadline?
        for index in slots.indices {
            guard case .waiting(let waiter, _, let deadline) = slots[index] else { continue }
            if deadline <= now {
                slots[index] = .abandoned
                expired.append(waiter)
            } else {
                next = min(next ?? deadline, deadline)
            }
        }
        return (expired, next)
    }

    /// Gives up every call.
    mutating func removeAll() -> [Waiter] {
        defer {
            slots = []
            uses = []
            freeSlots = []
        }
        return slots.compactMap { slot in
            if case .waiting(let waiter, _, _) = slot { waiter } else { nil }
        }
    }
}
