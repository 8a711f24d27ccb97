internal import EmbeddingAccess
public import EmbeddingWire

/// Addresses and what is to protect them do not fit.
public enum BadAccess: Error, Hashable, Sendable, CustomStringConvertible {
    /// Anybody on the network could read and write.
    case unprotected(ServerAddress)
    /// An address with TLS, and no certificate.
    case noCertificate(ServerAddress)
    /// A certificate, and no address with TLS.
    case unusedCertificate
    /// The token for reading is the one for writing.
    case sameTokens

    public var description: String {
        switch self {
        case .unprotected(let address):
            """
            \(address) is open to the network and nothing protects it. Ask for a token \
            (--token-file), or use TLS (tls:HOST:PORT, --tls-certificate, --tls-key), or say \
            --insecure if that is meant
            """
        case .noCertificate(let address):
            "\(address) needs a certificate and its key (--tls-certificate, --tls-key)"
        case .unusedCertificate:
            "a certificate is given, and no address uses it: one with TLS is tls:HOST:PORT"
        case .sameTokens:
            "the token for reading is the one for writing"
        }
    }
}

extension ServerAccess {
    private var hasToken: Bool { token != nil || readToken != nil }

    /// Throws when a server should not listen on these addresses as it is told to.
    public func check(_ addresses: [ServerAddress]) throws(BadAccess) {
        if let token, let readToken, token.matches(readToken.bytes) { throw .sameTokens }
        if tls != nil, !addresses.contains(where: \.isTLS) { throw .unusedCertificate }
        for address in addresses {
            if address.isTLS {
                if tls == nil { throw .noCertificate(address) }
            } else if !address.isLocal, !hasToken, !allowsUnprotected {
                throw .unprotected(address)
            }
        }
    }

    /// What stands between an address and those who should not be there, for the log.
    func protection(of address: ServerAddress) -> String {
        var parts: [String] = []
        switch address {
        case .unix: parts.append("file mode 0\(String(socketMode, radix: 8))")
        case .tcp where address.isLocal: parts.append("this machine only")
        case .tcp: break
        case .tls:
            parts.append(
                tls?.requiresClientCertificate == true ? "TLS with client certificates" : "TLS")
        }
        if hasToken { parts.append("token") }
        return parts.isEmpty ? "nothing" : parts.joined(separator: ", ")
    }

    /// What whoever runs the server should know about an address that is allowed; nil for nothing.
    func warning(about address: ServerAddress) -> String? {
        if address.isLocal { return nil }
        if !address.isTLS {
            return hasToken
                ? "the token and all rows cross the network in the clear"
                : "anybody on the network may read and write"
        }
        if hasToken || tls?.requiresClientCertificate == true { return nil }
        return "it is encrypted, and anybody on the network may read and write"
    }
}
