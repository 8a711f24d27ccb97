/// A file with a secret or a certificate that cannot be used, and why.
///
/// It says where the file is and never what is in it.
public struct UnusableFile: Error, Hashable, Sendable, CustomStringConvertible {
    public let path: String
    public let reason: String

    init(_ path: String, _ reason: String) {
        self.path = path
        self.reason = reason
    }

    public var description: String { "cannot use \(path): \(reason)" }
}
