import EmbeddingClient
import Foundation
import NIOCore

/// A socket without a client behind it: for bytes that no client sends.
final class RawConnection {
    private let descriptor: Int32

    struct Failed: Error { var what: String }

    init(to address: ServerAddress) throws {
        let socketAddress: SocketAddress
        switch address {
        case .unix(let path):
            descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            socketAddress = try SocketAddress(unixDomainSocketPath: path)
        case .tcp(let host, let port), .tls(let host, let port):
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            socketAddress = try SocketAddress(ipAddress: host, port: port)
        }
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(
                descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
        }
        let result = socketAddress.withSockAddr { address, length in
            Glibc.connect(descriptor, address, socklen_t(length))
        }
        guard result == 0 else { throw Failed(what: "connect: \(errno)") }
    }

    deinit { close(descriptor) }

    /// Sends everything; throws when the server does not take it.
    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failed(what: "send: \(errno)") }
            sent += count
        }
    }

    func send(_ buffer: ByteBuffer) throws { try send(Array(buffer.readableBytesView)) }

    /// Sends what the socket takes until it has taken nothing for `seconds`; returns how much that
    /// was.
    func sendWhileTaken(_ bytes: [UInt8], seconds: Double) -> Int {
        var sent = 0
        var lastProgress = Date()
        while sent < bytes.count, Date().timeIntervalSince(lastProgress) < seconds {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor, $0.baseAddress! + sent, bytes.count - sent,
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count > 0 {
                sent += count
                lastProgress = Date()
            } else {
                usleep(10_000)
            }
        }
        return sent
    }

    /// Exactly `count` bytes.
    func receive(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var received = 0
        while received < count {
            let part = bytes.withUnsafeMutableBytes {
                recv(descriptor, $0.baseAddress! + received, count - received, 0)
            }
            guard part > 0 else { throw Failed(what: "receive: \(part == 0 ? "end" : "\(errno)")") }
            received += part
        }
        return bytes
    }

    /// Whether the server has closed the connection, with nothing left to read.
    func isAtEnd() -> Bool {
        var byte: UInt8 = 0
        let count = recv(descriptor, &byte, 1, 0)
        return count == 0 || (count < 0 && errno == ECONNRESET)
    }

    /// The next reply.
    func frame() throws -> Frame {
        let header = FrameHeader(peekingAt: ByteBuffer(bytes: try receive(FrameHeader.byteCount)))!
        return Frame(header: header, body: ByteBuffer(bytes: try receive(Int(header.bodyBytes))))
    }

    /// The server's Welcome, whatever it says.
    func welcome() throws -> Welcome {
        var bytes = try receive(Welcome.headerBytes)
        let messageBytes = bytes[36...].reversed().reduce(0) { $0 << 8 | Int($1) }
        bytes += try receive(messageBytes)
        var stream = ByteBuffer(bytes: bytes)
        guard let welcome = try Welcome.read(from: &stream) else {
            throw Failed(what: "no Welcome")
        }
        return welcome
    }

    /// Shakes hands; a connection on which frames can be sent.
    @discardableResult
    func shakeHands(credential: [UInt8] = []) throws -> Welcome {
        var hello = ByteBuffer()
        Hello(credential: credential).write(to: &hello)
        try send(hello)
        return try welcome()
    }

    /// Sends nothing more, and can still read.
    func closeSending() { shutdown(descriptor, Int32(SHUT_WR)) }
}
