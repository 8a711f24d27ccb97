internal import EmbeddingWire
internal import Foundation
internal import NIOConcurrencyHelpers
internal import NIOCore

/// Memory that a server on this machine places the rows of replies in, and which of it waits for some.
package final class SharedReplies: @unchecked Sendable {
    // `bytes` are only read; who reads a part waits for the reply that says that it is written.
    private let bytes: UnsafeRawBufferPointer
    /// In ascending order, and no two touch.
    private let free: NIOLockedValueBox<[Range<Int>]>

    /// A part for one reply.
    package struct Part: Sendable {
        package let place: UInt64
        fileprivate let range: Range<Int>
    }

    /// Maps what the server has made.
    ///
    /// - Parameter process: of the server, as this one sees it.
    /// - Returns: nil where it cannot be reached: in a container of its own, or of another user.
    init?(_ memory: SharedMemory, process: pid_t) {
        let file = open("/proc/\(process)/fd/\(memory.descriptor)", O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_ino == memory.inode,
            UInt64(status.st_size) == memory.byteCount, let byteCount = Int(exactly: memory.byteCount),
            let base = mmap(nil, byteCount, PROT_READ, MAP_SHARED, file, 0), base != MAP_FAILED
        else { return nil }
        bytes = UnsafeRawBufferPointer(start: base, count: byteCount)
        free = NIOLockedValueBox([0..<byteCount])
    }

    deinit { munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count) }

    /// The first part of so many bytes that is free; nil when there is none.
    package func take(_ byteCount: Int) -> Part? {
        let alignment = SharedMemory.alignment
        let length = (byteCount + alignment - 1) / alignment * alignment
        return free.withLockedValue { free in
            guard let at = free.firstIndex(where: { $0.count >= length }) else { return nil }
            let range = free[at].lowerBound..<free[at].lowerBound + length
            if free[at].count == length {
                free.remove(at: at)
            } else {
                free[at] = range.upperBound..<free[at].upperBound
            }
            return Part(place: UInt64(range.lowerBound), range: range)
        }
    }

    /// A part whose reply has come, and been read, can be taken again.
    package func giveBack(_ part: Part) {
        free.withLockedValue { free in
            var range = part.range
            var at = free.firstIndex { $0.lowerBound >= range.upperBound } ?? free.endIndex
            if at < free.endIndex, free[at].lowerBound == range.upperBound {
                range = range.lowerBound..<free.remove(at: at).upperBound
            }
            if at > 0, free[at - 1].upperBound == range.lowerBound {
                at -= 1
                range = free.remove(at: at).lowerBound..<range.upperBound
            }
            free.insert(range, at: at)
        }
    }

    /// What the server has written there.
    package func withBytes<Result>(
        of part: Part, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        body(UnsafeRawBufferPointer(rebasing: bytes[part.range]))
    }
}

/// `struct ucred` of Linux.
private struct PeerCredentials {
    var process: pid_t = 0
    var user: uid_t = 0
    var group: gid_t = 0
}

extension Channel {
    /// The process at the other end of a Unix socket; nil for other sockets.
    func peerProcess() async throws -> pid_t? {
        guard case .unixDomainSocket = remoteAddress, let socket = self as? any SocketOptionProvider
        else { return nil }
        let credentials: EventLoopFuture<PeerCredentials> = socket.unsafeGetSocketOption(
            level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED))
        return try await credentials.get().process
    }
}
