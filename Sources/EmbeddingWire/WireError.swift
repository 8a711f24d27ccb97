/// A request that was refused: what an error reply carries.
///
/// The codec throws it for bytes that do not follow the protocol, the server for requests it
/// cannot do, and the client when it reads either from a reply. Programs go by ``code``.
public struct WireError: Error, Hashable, Sendable {
    public var code: ErrorCode
    /// A sentence for a person.
    public var message: String
    /// After how many milliseconds it makes sense to try again; 0 when there is no hint.
    public var retryAfterMs: UInt32

    public init(_ code: ErrorCode, _ message: String, retryAfterMs: UInt32 = 0) {
        self.code = code
        self.message = message
        self.retryAfterMs = retryAfterMs
    }

    /// The longest message that is sent, in UTF-8 bytes; a longer one is cut.
    package static let messageBytesMax = 1024
}

extension WireError: CustomStringConvertible {
    public var description: String {
        message.isEmpty ? "\(code)" : "\(code): \(message)"
    }
}

extension String {
    /// The longest beginning of whole characters that takes at most `bytesMax` bytes of UTF-8.
    func cut(toBytes bytesMax: Int) -> Substring {
        guard utf8.count > bytesMax else { return self[...] }
        var bytes = 0
        let end = indices.first { index in
            bytes += self[index].utf8.count
            return bytes > bytesMax
        }
        return self[..<(end ?? endIndex)]
    }
}
