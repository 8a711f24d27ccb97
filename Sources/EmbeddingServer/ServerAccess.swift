public import EmbeddingAccess
internal import EmbeddingWire

/// Who may connect to a server, and what they may do.
///
/// With neither token, everybody who reaches an address may read and write.
public struct ServerAccess: Sendable {
    /// Permission bits of the files of Unix sockets. To connect takes the right to write to them.
    public var socketMode: UInt32 = 0o600
    /// Clients that present it may read and write. Where it or ``readToken`` is given, clients that
    /// present neither are refused, on every address.
    public var token: AccessToken?
    /// Clients that present it may read.
    public var readToken: AccessToken?
    /// For addresses with TLS; they need it.
    public var tls: ServerTLS?
    /// Listens where anybody on the network may come in, rather than throwing
    /// ``BadAccess/unprotected(_:)``.
    public var allowsUnprotected = false

    public init() {}

    /// What a connection may do.
    enum Rights {
        case reading, writing
    }

    /// What whoever presents `credential` may do; nil for nothing at all.
    func rights(presenting credential: [UInt8]) -> Rights? {
        if token == nil, readToken == nil { return .writing }
        // Both are always compared, so that the time does not tell them apart.
        let mayWrite = token?.matches(credential) ?? false
        let mayRead = readToken?.matches(credential) ?? false
        return mayWrite ? .writing : mayRead ? .reading : nil
    }

    /// The answer to a client's first message: what it may do, or that it may not come in.
    func welcome(_ hello: Hello, capabilities: Capabilities, limits: Limits) -> Welcome {
        switch rights(presenting: hello.credential) {
        case .writing:
            Welcome(answering: hello, capabilities: capabilities, limits: limits)
        case .reading:
            Welcome(
                answering: hello, capabilities: capabilities.subtracting(.writes), limits: limits)
        case nil:
            Welcome(
                refusing: WireError(
                    .unauthorized,
                    hello.credential.isEmpty
                        ? "the server asks for a token, and none was given"
                        : "the token that was given is not the server's"),
                limits: limits)
        }
    }
}
