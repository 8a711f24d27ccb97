public import EmbeddingWire

/// Why a call got no answer from a server.
///
/// An answer that refuses the request is a `WireError` instead.
public enum ConnectionError: Error, Hashable, Sendable {
    /// No connection could be made.
    case unreachable(ServerAddress, reason: String)
    /// One side did not accept what TLS says of the other, or does not speak it. Nothing was sent
    /// that only the server may see.
    case tlsFailed(reason: String)
    /// The server answered the handshake with a refusal.
    case refused(WireError)
    /// The connection has ended, and with it every call that had no answer yet. Whether
    /// the server has carried out such a call is not known.
    case closed(reason: String)
    /// No answer came in time. Whether the server carries out the call is not known.
    case timedOut
    /// The server sent something that the protocol does not allow; the connection is closed.
    case protocolViolation(String)
    /// More calls wait on this connection than it queues, or have timed out and are unanswered.
    case tooManyCalls
}

extension ConnectionError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unreachable(let address, let reason): "cannot reach \(address): \(reason)"
        case .tlsFailed(let reason): "no connection with TLS: \(reason)"
        case .refused(let error): "the server refused the connection: \(error)"
        case .closed(let reason): "the connection is closed: \(reason)"
        case .timedOut: "the server did not answer in time"
        case .protocolViolation(let what): "the server broke the protocol: \(what)"
        case .tooManyCalls: "too many calls wait on this connection"
        }
    }
}
