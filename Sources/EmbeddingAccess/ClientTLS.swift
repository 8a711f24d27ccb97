internal import NIOCore
package import NIOSSL

/// How a client knows its server, and shows who it is: TLS 1.2 or newer.
///
/// A server's certificate must come from a trusted root, be within its time, and be for the host or
/// IP address that the client connects to.
public struct ClientTLS: Sendable {
    package let context: NIOSSLContext

    /// With the system's root certificates and none of our own; they are read once.
    package static let system = Result { () throws(UnusableFile) in try ClientTLS() }

    /// Reads the files, all of them PEM. Blocks.
    ///
    /// - Parameters:
    ///   - ca: the path of the root certificates that are trusted, and no others; nil for the
    ///     system's.
    ///   - certificate: of the client's certificate, with those between it and its root; nil for
    ///     servers that ask for none.
    ///   - key: of its private key; nil where the certificate's file has it too.
    public init(
        ca: String? = nil, certificate: String? = nil, key: String? = nil
    ) throws(UnusableFile) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let ca { configuration.trustRoots = .certificates(try PEMFile.certificates(ca)) }
        if let certificate {
            let identity = try PEMFile.identity(certificate: certificate, key: key)
            configuration.certificateChain = identity.chain
            configuration.privateKey = identity.key
        }
        configuration.shutdownTimeout = .seconds(1)
        context = try configuration.context(certificate: certificate, key: key)
    }
}
