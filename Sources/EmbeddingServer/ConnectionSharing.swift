internal import EmbeddingWire
internal import NIOConcurrencyHelpers

/// The memory that one connection shares with its client, if it does.
final class ConnectionSharing: Sendable {
    private enum State {
        case nothing
        /// On another thread, since it takes a while.
        case making
        case shared(ReplyMemory)
        case ended
    }

    private let state = NIOLockedValueBox(State.nothing)

    /// Where rows are placed whose requests say so.
    var memory: ReplyMemory? {
        state.withLockedValue { if case .shared(let memory) = $0 { memory } else { nil } }
    }

    /// Makes memory, or with 0 bytes lets go of what there is. Blocks.
    ///
    /// - Throws: `malformed` where there is some already, and as ``ReplyMemory``.
    func share(_ byteCount: UInt64, of budget: RequestMemory) throws(WireError) -> SharedMemory {
        if byteCount == 0 {
            become(.nothing)
            return .none
        }
        let isFirst = state.withLockedValue { state in
            guard case .nothing = state else { return false }
            state = .making
            return true
        }
        guard isFirst else {
            throw WireError(.malformed, "this connection shares memory already")
        }
        do throws(WireError) {
            let memory = try ReplyMemory(byteCount: byteCount, of: budget)
            become(.shared(memory))
            return memory.description
        } catch {
            become(.nothing)
            throw error
        }
    }

    /// The connection has ended. Requests on disk threads keep their memory until they are done.
    func end() { become(.ended) }

    private func become(_ next: State) {
        // What was there is let go of without the lock: it takes a while too.
        _ = state.withLockedValue { state in
            let before = state
            if case .ended = before { return before }
            state = next
            return before
        }
    }
}
