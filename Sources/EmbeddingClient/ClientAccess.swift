public import EmbeddingAccess

/// What a client shows to a server, and how it knows the server.
public struct ClientAccess: Sendable {
    /// The secret that is shared with the server; nil for servers that ask for none. An address
    /// without TLS that is not on this machine carries it in the clear.
    public var token: AccessToken?
    /// For addresses with TLS; nil trusts the system's root certificates and shows none.
    public var tls: ClientTLS?

    public init(token: AccessToken? = nil, tls: ClientTLS? = nil) {
        self.token = token
        self.tls = tls
    }
}
