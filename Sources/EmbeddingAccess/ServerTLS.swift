internal import NIOCore
package import NIOSSL

/// How a server shows who it is, and what it asks of its clients: TLS 1.2 or newer.
public struct ServerTLS: Sendable {
    package let context: NIOSSLContext
    /// Whether clients without a certificate are turned away.
    public let requiresClientCertificate: Bool

    /// Reads the files, all of them PEM. Blocks.
    ///
    /// - Parameters:
    ///   - certificate: the path of the server's certificate, with those between it and its root.
    ///   - key: of its private key; nil where the certificate's file has it too.
    ///   - clientCA: of the root certificates that clients' certificates must come from; nil asks
    ///     clients for none.
    public init(
        certificate: String, key: String? = nil, clientCA: String? = nil
    ) throws(UnusableFile) {
        let identity = try PEMFile.identity(certificate: certificate, key: key)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: identity.chain, privateKey: identity.key)
        configuration.minimumTLSVersion = .tlsv12
        if let clientCA {
            configuration.trustRoots = .certificates(try PEMFile.certificates(clientCA))
            // A client's address says nothing about its name.
            configuration.certificateVerification = .noHostnameVerification
        }
        configuration.shutdownTimeout = .seconds(1)
        context = try configuration.context(certificate: certificate, key: key)
        requiresClientCertificate = clientCA != nil
    }
}
