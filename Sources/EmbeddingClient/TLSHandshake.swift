internal import EmbeddingAccess
internal import EmbeddingWire
internal import NIOCore
internal import NIOSSL

/// What an address with TLS calls for, read before an event loop would have to wait for it.
struct TLSHandshake {
    private let host: String
    private let tls: ClientTLS

    /// nil for addresses without TLS, and for no others.
    init?(with address: ServerAddress, _ access: ClientAccess) throws(ConnectionError) {
        guard case .tls(let host, _) = address else { return nil }
        self.host = host
        do {
            tls = try access.tls ?? ClientTLS.system.get()
        } catch {
            throw .tlsFailed(reason: "\(error)")
        }
    }

    func handler() throws -> NIOSSLClientHandler {
        // The certificate must have the name, or where there is none the address we connect to.
        let isNumber = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        return try NIOSSLClientHandler(
            context: tls.context, serverHostname: isNumber ? nil : host)
    }
}
