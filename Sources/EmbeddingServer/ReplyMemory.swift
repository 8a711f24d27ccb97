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
    private let budget: RequestMemory
    /// How the client finds it.
    let description: SharedMemory

    /// Takes its bytes from what all clients may share, for as long as anybody has it. Blocks: all of it
    /// is made now, since a write for which there is no memory later would end the process.
    ///
    /// - Parameter byteCount: at least 1; made whole pages.
    /// - Throws: `tooLarge`, `overloaded`, or `unsupported` where the system has no such memory.
    init(byteCount: UInt64, of budget: RequestMemory) throws(WireError) {
        guard byteCount <= UInt64(budget.sharedBytesMax) else {
            throw WireError(
                .tooLarge,
                "\(byteCount) bytes cannot be shared; all clients may share \(budget.sharedBytesMax)"
            )
        }
        let pageBytes = Int(getpagesize())
        let byteCount = (Int(byteCount) + pageBytes - 1) / pageBytes * pageBytes
        guard budget.share(byteCount) else {
            throw WireError(
                .overloaded, "clients share as much memory as they may",
                retryAfterMs: RequestMemory.retryAfterMs)
        }
        var undo: [() -> Void] = [{ budget.endShare(byteCount) }]
        func check(_ isSo: Bool, _ error: CInt = errno) throws(WireError) {
            if isSo { return }
            for step in undo.reversed() { step() }
            throw Self.failure(error)
        }
        let file = tl_memory_file("thermocline-replies")
        try check(file >= 0)
        undo.append { close(file) }
        let error = posix_fallocate(file, 0, byteCount)
        try check(error == 0, error)
        let base = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
        try check(base != MAP_FAILED)
        undo.append { munmap(base, byteCount) }
        var status = stat()
        try check(tl_seal(file) == 0 && fstat(file, &status) == 0)
        self.file = file
        self.budget = budget
        bytes = UnsafeMutableRawBufferPointer(start: base, count: byteCount)
        description = SharedMemory(
            byteCount: UInt64(byteCount), inode: UInt64(status.st_ino), descriptor: UInt32(file))
    }

    deinit {
        munmap(bytes.baseAddress, bytes.count)
        close(file)
        budget.endShare(bytes.count)
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

    /// Of a system that has no such files, or none to spare at present.
    private static func failure(_ error: CInt) -> WireError {
        let message = "no memory can be shared: \(String(cString: strerror(error)))"
        return switch error {
        case ENOSYS, EINVAL, EACCES, EPERM, EOPNOTSUPP: WireError(.unsupported, message)
        default: WireError(.overloaded, message, retryAfterMs: RequestMemory.retryAfterMs)
        }
    }
}
