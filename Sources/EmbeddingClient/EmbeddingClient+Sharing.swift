package import EmbeddingWire
package import NIOCore

extension EmbeddingClient {
    /// What became of the wish for shared memory.
    package enum Sharing: Sendable {
        case notAsked
        /// The server has none for this connection.
        case refused(WireError)
        /// The server has made some that this process cannot reach.
        case unreachable
        case shared(SharedReplies)

        /// Why rows come through the socket; nil where they do not.
        package var obstacle: String? {
            switch self {
            case .notAsked: "no shared memory was asked for"
            case .refused(let error): "the server shares no memory: \(error)"
            case .unreachable:
                "the memory that the server shares cannot be reached: the server is another user's, or in "
                    + "a container of its own"
            case .shared: nil
            }
        }
    }

    /// Whether rows come in memory that the server shares with this client.
    public var sharesReplies: Bool { sharedReplies != nil }

    package var sharedReplies: SharedReplies? {
        if case .shared(let memory) = sharing { memory } else { nil }
    }

    /// Asks for memory for replies. Throws when the connection fails; whatever else keeps it from being
    /// had, the socket is there.
    func share(_ byteCount: Int, with server: any Channel) async throws -> Sharing {
        do {
            guard let process = try? await server.peerProcess() else {
                return .refused(WireError(.unsupported, "the server is not at a Unix socket"))
            }
            let memory = try await reply(to: encoder.share(byteCount: UInt64(byteCount)))
                .sharedMemory()
            if let shared = SharedReplies(memory, process: process) { return .shared(shared) }
            // It need not be kept for nothing.
            _ = try await reply(to: encoder.share(byteCount: 0)).sharedMemory()
            return .unreachable
        } catch let error as WireError {
            return .refused(error)
        }
    }

    /// Sends a request whose rows go to `part`. That is in use until the reply comes, also if it comes
    /// when the call has been given up.
    package func send(_ frame: ByteBuffer, into part: SharedReplies.Part) -> EventLoopFuture<Frame>
    {
        let answered = eventLoop.makePromise(of: Frame.self)
        let expiry = eventLoop.scheduleTask(in: timeout) { answered.fail(ConnectionError.timedOut) }
        send(frame, timeout: Self.unlimited).whenComplete { result in
            expiry.cancel()
            withExtendedLifetime(part) { answered.completeWith(result) }
        }
        return answered.futureResult
    }

    private static let unlimited = TimeAmount.hours(24 * 365)
}
