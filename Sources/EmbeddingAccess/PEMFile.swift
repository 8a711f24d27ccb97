internal import Foundation
internal import NIOSSL

/// Reads certificates and keys from PEM files, with errors that name the file.
enum PEMFile {
    /// The certificates of a file, in its order.
    static func certificates(_ path: String) throws(UnusableFile) -> [NIOSSLCertificate] {
        try readable(path)
        guard let found = try? NIOSSLCertificate.fromPEMFile(path), !found.isEmpty else {
            throw UnusableFile(path, "there is no certificate in it, in PEM")
        }
        return found
    }

    /// Who one is: a certificate with those that lead to its root behind it, and its key.
    ///
    /// - Parameter key: nil where the certificate's file has it too.
    static func identity(
        certificate: String, key: String?
    ) throws(UnusableFile) -> (chain: [NIOSSLCertificateSource], key: NIOSSLPrivateKeySource) {
        let chain = try certificates(certificate)
        return (chain.map { .certificate($0) }, .privateKey(try self.key(key ?? certificate)))
    }

    /// The private key of a file; one without a passphrase.
    private static func key(_ path: String) throws(UnusableFile) -> NIOSSLPrivateKey {
        try readable(path)
        do {
            return try NIOSSLPrivateKey(file: path, format: .pem)
        } catch {
            throw UnusableFile(path, "there is no private key without a passphrase in it, in PEM")
        }
    }

    private static func readable(_ path: String) throws(UnusableFile) {
        var status = stat()
        guard stat(path, &status) == 0, access(path, R_OK) == 0 else {
            throw UnusableFile(path, String(cString: strerror(errno)))
        }
        // Nothing that a read would wait at.
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw UnusableFile(path, "it is no regular file")
        }
    }
}
