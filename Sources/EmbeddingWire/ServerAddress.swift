/// Where a server listens: `unix:/path/to.sock` or `tcp:host:port`.
public enum ServerAddress: Hashable, Sendable {
    /// A Unix domain socket by its path.
    case unix(path: String)
    /// A host name or an IPv4 or IPv6 address, without brackets, and a port.
    case tcp(host: String, port: Int)

    /// Reads an address; IPv6 addresses stand in brackets, as in `tcp:[::1]:7070`.
    ///
    /// - Throws: ``Malformed`` with what is wrong.
    public init(parsing text: String) throws(Malformed) {
        if text.hasPrefix("unix:") {
            let path = text.dropFirst("unix:".count)
            guard !path.isEmpty, !path.utf8.contains(0) else {
                throw Malformed(text, "a path follows unix:")
            }
            guard path.utf8.count <= Self.unixPathBytesMax else {
                throw Malformed(
                    text, "the path of a socket has at most \(Self.unixPathBytesMax) bytes")
            }
            self = .unix(path: String(path))
        } else if text.hasPrefix("tcp:") {
            let (host, port) = try Self.hostAndPort(text.dropFirst("tcp:".count), of: text)
            self = .tcp(host: host, port: port)
        } else {
            throw Malformed(text, "an address is unix:PATH or tcp:HOST:PORT")
        }
    }

    /// Longest path of a socket: `sun_path` has 108 bytes on Linux, the last of them 0.
    private static let unixPathBytesMax = 107

    private static func hostAndPort(
        _ rest: Substring, of text: String
    ) throws(Malformed) -> (String, Int) {
        guard let colon = rest.lastIndex(of: ":") else {
            throw Malformed(text, "a host and a port follow tcp:")
        }
        var host = rest[..<colon]
        let port = rest[rest.index(after: colon)...]
        guard port.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains),
            let number = UInt16(port)
        else {
            throw Malformed(text, "a port is a number from 0 to 65535")
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw Malformed(text, "an IPv6 address stands in brackets")
        }
        guard !host.isEmpty, !host.utf8.contains(0) else {
            throw Malformed(text, "there is no host")
        }
        return (String(host), Int(number))
    }

    /// Text that is no address.
    public struct Malformed: Error, Hashable, Sendable, CustomStringConvertible {
        public let text: String
        public let reason: String

        init(_ text: String, _ reason: String) {
            self.text = text
            self.reason = reason
        }

        public var description: String { "no address: \(text.debugDescription); \(reason)" }
    }
}

extension ServerAddress: CustomStringConvertible {
    /// As it is parsed.
    public var description: String {
        switch self {
        case .unix(let path): "unix:\(path)"
        case .tcp(let host, let port):
            host.contains(":") ? "tcp:[\(host)]:\(port)" : "tcp:\(host):\(port)"
        }
    }
}
