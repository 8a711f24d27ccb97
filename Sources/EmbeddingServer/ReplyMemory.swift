internal import CLinux
internal import EmbeddingWire
internal import Foundation

/// Memory that a client on this machine can read, where the rows of its replies are placed.
///
/// The client says with each request where. It cannot write here, nor make the memory shorter, so nothing
/// that it does makes a write of ours fail. What it has two requests place at once is mixed up for it alone.
final class ReplyMemory: @unchecked Sendable {
    // Event loop and disk threads write to it; nothing here reads it.
    private let bytes: UnsafeMutableRawBufferPointer
    private let file: CInt
    /// How the client finds it.
    let description: SharedMemory

    /// - Parameter byteCount: at least 1; made whole pages.
    /// - Throws: `unsupported` where the system has no such memory.
    init(byteCount: Int) throws(WireError) {
        let byteCount = Self.inPages(byteCount)
        file = tl_memory_file("thermocline-replies")
        guard file >= 0 else { throw Self.failure("making it") }
        guard ftruncate(file, byteCount) == 0 else {
            let failure = Self.failure("its length")
            close(file)
            throw failure
        }
        let base = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
        guard let base, base != MAP_FAILED else {
            let failure = Self.failure("mapping it")
            close(file)
            throw failure
        }
        bytes = UnsafeMutableRawBufferPointer(start: base, count: byteCount)
        var status = stat()
        guard tl_seal(file) == 0, fstat(file, &status) == 0 else {
            let failure = Self.failure("sealing it")
            munmap(base, byteCount)
            close(file)
            throw failure
        }
        description = SharedMemory(
            byteCount: UInt64(byteCount), inode: UInt64(status.st_ino), descriptor: UInt32(file))
    }

    deinit {
        munmap(bytes.baseAddress, bytes.count)
        close(file)
    }

    /// The memory that so many bytes take.
    static func inPages(_ byteCount: Int) -> Int {
        let pageBytes = Int(getpagesize())
        return (byteCount + pageBytes - 1) / pageBytes * pageBytes
    }

    /// Where a reply is placed. Throws `malformed` for a place that is not in here, or no multiple of
    /// ``SharedMemory/alignment``.
    func part(at place: UInt64, byteCount: Int) throws(WireError) -> UnsafeMutableRawBufferPointer {
        guard place % UInt64(SharedMemory.alignment) == 0 else {
            throw WireError(
                .malformed, "place \(place) is no multiple of \(SharedMemory.alignment)")
        }
        guard place <= UInt64(bytes.count), byteCount <= bytes.count - Int(place) else {
            throw WireError(
                .malformed,
                "\(byteCount) bytes at \(place) are not in the \(bytes.count) that are shared")
        }
        let start = Int(place)
        return UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + byteCount])
    }

    private static func failure(_ what: String) -> WireError {
        WireError(
            .unsupported, "no memory can be shared: \(what) failed: \(String(cString: strerror(errno)))")
    }
}
