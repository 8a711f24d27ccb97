internal import EmbeddingAccess
internal import EmbeddingWire
internal import NIOCore
internal import NIOSSL

extension NIOSSLClientHandler {
    /// TLS with the server of an address; nil for addresses without.
    static func handler(
        for address: ServerAddress, _ tls: ClientTLS?
    ) throws -> NIOSSLClientHandler? {
        guard case .tls(let host, let port) = address, let tls else { return nil }
        // The certificate must have the name, or where there is none the address we connect to.
        let isNumber = (try? SocketAddress(ipAddress: host, port: port)) != nil
        return try NIOSSLClientHandler(
            context: tls.context, serverHostname: isNumber ? nil : host)
    }
}
