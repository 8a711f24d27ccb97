internal import Glibc

/// Where a server listens: `unix:/path/to.sock`, `tcp:host:port`, or with TLS `tls:host:port`.
public enum ServerAddress: Hashable, Sendable {
    /// A Unix domain socket by its path.
    case unix(path: String)
    /// A host name or an IPv4 or IPv6 address, without brackets, and a port.
    case tcp(host: String, port: Int)
    /// As `tcp`, with TLS.
    case tls(host: String, port: Int)

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
        } else if text.hasPrefix("tls:") {
            let (host, port) = try Self.hostAndPort(text.dropFirst("tls:".count), of: text)
            self = .tls(host: host, port: port)
        } else {
            throw Malformed(text, "an address is unix:PATH, tcp:HOST:PORT or tls:HOST:PORT")
        }
    }

    /// Whether connections to it are encrypted.
    public var isTLS: Bool { if case .tls = self { true } else { false } }

    /// Whether it is on the network of no machine but this: on a Unix socket, on `localhost`, or on
    /// a loopback address as a number. Another name may mean anything tomorrow.
    public var isLocal: Bool {
        switch self {
        case .unix: true
        case .tcp(let host, _), .tls(let host, _): host == "localhost" || Self.isLoopback(host)
        }
    }

    private static func isLoopback(_ host: String) -> Bool {
        var four = in_addr()
        if inet_pton(AF_INET, host, &four) == 1 {
            return UInt32(bigEndian: four.s_addr) >> 24 == 127
        }
        var six = in6_addr()
        return inet_pton(AF_INET6, host, &six) == 1
            && withUnsafeBytes(of: six) { bytes in
                bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1
            }
    }

    /// Longest path of a socket: `sun_path` has 108 bytes on Linux, the last of them 0.
    private static let unixPathBytesMax = 107

    private static func hostAndPort(
        _ rest: Substring, of text: String
    ) throws(Malformed) -> (String, Int) {
        guard let colon = rest.lastIndex(of: ":") else {
            throw Malformed(text, "a host and a port follow \(text.prefix(4))")
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
        case .tcp(let host, let port): "tcp:\(Self.bracketed(host)):\(port)"
        case .tls(let host, let port): "tls:\(Self.bracketed(host)):\(port)"
        }
    }

    private static func bracketed(_ host: String) -> String {
        host.contains(":") ? "[\(host)]" : host
    }
}
