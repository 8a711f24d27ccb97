internal import Foundation
internal import NIOSSL

/// Why TLS failed, as a person can understand it.
package struct TLSFailure: CustomStringConvertible {
    package let description: String

    /// What `error` means to a client; nil for an error of something else than TLS.
    package init?(_ error: any Error) {
        switch error {
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            description = "the server's certificate is for another host"
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError:
            let text = "\(error)"
            let known = Self.reasons.first { text.contains($0.sign) }
            description = known?.reason ?? text
        default:
            return nil
        }
    }

    /// Signs in BoringSSL's words, which come with no code that a program could go by.
    private static let reasons: [(sign: String, reason: String)] = [
        (
            "CERTIFICATE_VERIFY_FAILED",
            "the server's certificate is out of its time, or from no trusted root"
        ),
        ("WRONG_VERSION_NUMBER", "the server does not speak TLS there; without TLS it is tcp:"),
        ("EOF during handshake", "the server ended the connection in the TLS handshake"),
        ("CERTIFICATE_REQUIRED", "the server asks for a client certificate"),
        ("ALERT_UNKNOWN_CA", "the server does not trust the root of the client's certificate"),
        ("ALERT_CERTIFICATE_EXPIRED", "the client's certificate is out of its time"),
    ]
}
