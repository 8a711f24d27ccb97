internal import EmbeddingWire
internal import Foundation
internal import NIOCore

/// A socket on which garbage is sent, and every reply to it is looked at.
final class FuzzedConnection {
    /// What the server did that it may not do.
    struct Wrong: Error, CustomStringConvertible { let description: String }

    private let descriptor: Int32
    private var decoder = FrameDecoder(frameBytesMax: 256 << 20)
    private var received = ByteBuffer()
    /// What was asked for and has had no reply, by request id.
    private var unanswered: [UInt32: [UInt8]] = [:]
    private(set) var isAtEnd = false
    /// Replies that refused.
    private(set) var refusals = 0

    /// Seconds without a byte after which the server counts as stuck.
    private static let patienceMs: Int32 = 60_000

    /// Throws when nobody listens.
    init(to address: ServerAddress) throws {
        let target: SocketAddress
        switch address {
        case .unix(let path):
            descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            target = try SocketAddress(unixDomainSocketPath: path)
        case .tcp(let host, let port):
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            target = try SocketAddress(ipAddress: host, port: port)
        case .tls:
            throw Wrong(description: "mutated bytes go to a plain address, not to \(address)")
        }
        let result = target.withSockAddr { Glibc.connect(descriptor, $0, socklen_t($1)) }
        guard result == 0 else { throw Wrong(description: "no connection to \(address): \(errno)") }
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    deinit { close(descriptor) }

    /// The handshake as a client does it.
    func shakeHands() throws {
        var hello = ByteBuffer()
        Hello().write(to: &hello)
        try exchange(Array(buffer: hello)) { received in try Welcome.read(from: &received) != nil }
        if isAtEnd { throw Wrong(description: "the server ended a sound handshake") }
    }

    /// Sends bytes that are no handshake, and nothing more; anything may be answered, or nothing.
    func send(wrongHello bytes: [UInt8]) throws {
        try exchange(bytes, isLast: true) { received in
            // A Welcome, or with it the replies to what then followed.
            received.clear()
            return false
        }
    }

    /// Sends frames with their ids and waits for all replies.
    func send(_ frames: [(id: UInt32, bytes: [UInt8])]) throws {
        var bytes: [UInt8] = []
        for frame in frames {
            bytes += frame.bytes
            unanswered[frame.id] = Array(frame.bytes[..<FrameHeader.byteCount])
        }
        try exchange(bytes) { received in
            while let reply = try self.decoder.decode(buffer: &received) { try self.check(reply) }
            return self.unanswered.isEmpty
        }
        if isAtEnd { throw Wrong(description: "the server ended a connection with sound frames") }
    }

    /// Sends bytes that break the framing and nothing after them, and reads to the end.
    func send(unsound bytes: [UInt8]) throws {
        try exchange(bytes, isLast: true) { received in
            while let reply = try self.decoder.decode(buffer: &received) {
                try self.checkForm(reply)
            }
            return false
        }
    }

    /// Writes and reads at once, until `take` has had enough or the server ends the connection.
    private func exchange(
        _ bytes: [UInt8], isLast: Bool = false, _ take: (inout ByteBuffer) throws -> Bool
    ) throws {
        var sent = 0
        if bytes.isEmpty, isLast { shutdown(descriptor, Int32(SHUT_WR)) }
        while true {
            var events = pollfd(
                fd: descriptor, events: Int16(sent < bytes.count ? POLLIN | POLLOUT : POLLIN),
                revents: 0)
            guard poll(&events, 1, Self.patienceMs) > 0 else {
                throw Wrong(
                    description: "no reply in \(Self.patienceMs / 1000) seconds; "
                        + "\(unanswered.count) requests are unanswered")
            }
            if Int32(events.revents) & POLLOUT != 0, sent < bytes.count {
                let count = bytes.withUnsafeBytes {
                    Glibc.send(
                        descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
                }
                if count > 0 { sent += count }
                if count < 0, errno != EAGAIN { sent = bytes.count }  // The end is read below.
                if sent == bytes.count, isLast { shutdown(descriptor, Int32(SHUT_WR)) }
            }
            if Int32(events.revents) & (POLLIN | POLLHUP | POLLERR) != 0 {
                let count = received.writeWithUnsafeMutableBytes(minimumWritableBytes: 65_536) {
                    max(0, recv(descriptor, $0.baseAddress!, $0.count, 0))
                }
                if count == 0 {
                    isAtEnd = true
                    _ = try take(&received)
                    return
                }
            }
            if try take(&received), sent == bytes.count { return }
            received.discardReadBytes()
        }
    }

    private func check(_ reply: Frame) throws {
        try checkForm(reply)
        guard let request = unanswered.removeValue(forKey: reply.header.requestID) else {
            throw Wrong(description: "a reply to no request: \(reply.header)")
        }
        guard reply.header.operation == request[8], reply.header.options.rawValue == request[9]
        else {
            throw Wrong(description: "a reply of another kind than its request: \(reply.header)")
        }
        if reply.header.status == 0 { try checkBody(reply) }
    }

    /// What every reply is, whatever was asked.
    private func checkForm(_ reply: Frame) throws {
        guard reply.header.status != 0 else { return }
        refusals += 1
        do throws(WireError) {
            try reply.checkStatus()
        } catch {
            guard ErrorCode(rawValue: reply.header.status) == error.code,
                ErrorCode.all.contains(error.code)
            else { throw Wrong(description: "an error reply that cannot be read: \(reply.header)") }
            // A disk that nobody harms does not fail, and no input is the server's defect.
            if [.internal, .storageFailed, .damaged].contains(error.code) {
                throw Wrong(description: "the server says: \(error)")
            }
        }
    }

    private func checkBody(_ reply: Frame) throws {
        switch Operation(rawValue: reply.header.operation) {
        case .createTable, .openTable: _ = try reply.schema()
        case .listTables: _ = try reply.tables()
        case .dropTable, .push, .assign: try reply.checkEmpty()
        case .share: _ = try reply.sharedMemory()
        case .delete, .count, .shrink, .admit, .prefetch: _ = try reply.rowCount()
        case .stats: _ = try reply.json()
        case .ping, .pull, .pool: break  // Of any length that fits the request.
        case .checkpoint, nil:
            throw Wrong(description: "a request that must fail did not: \(reply.header)")
        }
    }
}
