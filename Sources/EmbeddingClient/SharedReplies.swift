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

    /// Maps what the server has made.
    ///
    /// - Parameter process: of the server, as this one sees it.
    /// - Returns: nil where it cannot be reached: in a container of its own, or of another user.
    init?(_ memory: SharedMemory, process: pid_t) {
        let file = open(
            "/proc/\(process)/fd/\(memory.descriptor)", O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_ino == memory.inode,
            UInt64(status.st_size) == memory.byteCount, Self.keepsLength(file),
            let byteCount = Int(exactly: memory.byteCount),
            let base = mmap(nil, byteCount, PROT_READ, MAP_SHARED, file, 0), base != MAP_FAILED
        else { return nil }
        bytes = UnsafeRawBufferPointer(start: base, count: byteCount)
        free = NIOLockedValueBox([0..<byteCount])
    }

    deinit { munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count) }

    /// Or reading could end this process.
    private static func keepsLength(_ file: CInt) -> Bool {
        let (getSeals, sealShrink): (CInt, CInt) = (1034, 2)  // of Linux's fcntl.h
        let seals = fcntl(file, getSeals)
        return seals >= 0 && seals & sealShrink != 0
    }

    /// A part for one reply; free again when nobody has it any more.
    package final class Part: Sendable {
        private let memory: SharedReplies
        private let range: Range<Int>

        fileprivate init(_ range: Range<Int>, of memory: SharedReplies) {
            self.memory = memory
            self.range = range
        }

        deinit { memory.giveBack(range) }

        package var place: UInt64 { UInt64(range.lowerBound) }

        /// What the server has written there.
        package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
            body(UnsafeRawBufferPointer(rebasing: memory.bytes[range]))
        }
    }

    /// The first part of so many bytes that is free; nil when there is none.
    package func take(_ byteCount: Int) -> Part? {
        let alignment = SharedMemory.alignment
        // Something even for none, which have a place too.
        let length = (max(1, byteCount) + alignment - 1) / alignment * alignment
        let range = free.withLockedValue { free -> Range<Int>? in
            guard let at = free.firstIndex(where: { $0.count >= length }) else { return nil }
            let range = free[at].lowerBound..<free[at].lowerBound + length
            if free[at].count == length {
                free.remove(at: at)
            } else {
                free[at] = range.upperBound..<free[at].upperBound
            }
            return range
        }
        return range.map { Part($0, of: self) }
    }

    private func giveBack(_ range: Range<Int>) {
        free.withLockedValue { free in
            var range = range
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
        guard case .unixDomainSocket = remoteAddress,
            let socket = self as? any SocketOptionProvider
        else { return nil }
        let credentials: EventLoopFuture<PeerCredentials> = socket.unsafeGetSocketOption(
            level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED))
        return try await credentials.get().process
    }
}
