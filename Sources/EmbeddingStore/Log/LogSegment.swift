internal import Foundation

/// A file of the log that is written: space for it is taken when it is made, so that a full disk is
/// noticed before anything depends on it.
final class LogSegment {
    let number: UInt64
    let path: String
    /// Bytes that the file has, header included.
    let capacity: Int
    private let descriptor: Int32

    static func path(folder: String, number: UInt64) -> String {
        let digits = String(number)
        return "\(folder)/\(String(repeating: "0", count: max(0, 12 - digits.count)))\(digits).log"
    }

    /// The number of the segment with this file name, nil for a file that is none.
    static func number(fileName: String) -> UInt64? {
        fileName.hasSuffix(".log") ? UInt64(fileName.dropLast(4)) : nil
    }

    /// Makes the file with all its space, of that of the segment `reused` if there is one: a file
    /// whose blocks and pages the system has already is written several times faster than a new one.
    /// Throws `storageFull` or `storageFailed`, and leaves nothing then.
    init(
        folder: String, number: UInt64, capacity: Int, reusing reused: UInt64? = nil, synced: Bool
    ) throws(StoreError) {
        self.number = number
        self.capacity = capacity
        path = Self.path(folder: folder, number: number)
        if let reused {
            guard unsafe rename(Self.path(folder: folder, number: reused), path) == 0 else {
                throw .file(path, "make", errno)
            }
        }
        let creation = reused == nil ? O_CREAT | O_EXCL : 0
        descriptor = unsafe open(path, O_RDWR | creation | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .file(path, "make", errno) }
        do throws(StoreError) {
            if reused == nil {
                let error = posix_fallocate(descriptor, 0, off_t(capacity))
                if error != 0 { throw .file(path, "make room for", error) }
            }
            var header = [UInt8](
                repeating: 0, count: LogFormat.segmentHeaderBytes + LogFormat.endBytes)
            unsafe header.withUnsafeMutableBytes {
                unsafe LogFormat.writeSegmentHeader($0, number: number)
            }
            try unsafe header.withBytes { (bytes) throws(StoreError) in
                var parts = unsafe [
                    unsafe iovec(iov_base: .init(mutating: bytes.baseAddress), iov_len: bytes.count)
                ]
                try unsafe write(&parts, at: 0)
            }
            if synced {
                guard fsync(descriptor) == 0 else { throw .file(path, "sync", errno) }
                try DataDirectory.syncFile(folder)
            }
        } catch {
            unsafe unlink(path)
            Glibc.close(descriptor)
            throw error
        }
    }

    deinit { Glibc.close(descriptor) }

    /// Writes a block at `offset`, and the end behind it; the block lies within the capacity.
    func write(_ entries: [LogEntry], block: UInt64, at offset: Int) throws(StoreError) {
        var header = [UInt8](repeating: 0, count: LogFormat.blockHeaderBytes)
        let zeros = [UInt8](repeating: 0, count: LogFormat.endBytes)
        let bytes = entries.reduce(0) { $0 + $1.byteCount }
        precondition(offset + header.count + bytes <= capacity)
        unsafe header.withUnsafeMutableBytes {
            unsafe LogFormat.writeBlockHeader(
                $0, number: block, bytes: bytes, entries: entries.count, segment: number)
        }
        try unsafe header.withBytes { (header) throws(StoreError) in
            var parts = unsafe [
                unsafe iovec(iov_base: .init(mutating: header.baseAddress), iov_len: header.count)
            ]
            for entry in entries {
                unsafe entry.withBytes {
                    unsafe parts.append(
                        iovec(iov_base: .init(mutating: $0.baseAddress), iov_len: $0.count))
                }
            }
            let left = capacity - offset - header.count - bytes
            try unsafe zeros.withBytes { (zeros) throws(StoreError) in
                if left > 0 {
                    unsafe parts.append(
                        iovec(
                            iov_base: .init(mutating: zeros.baseAddress),
                            iov_len: min(left, zeros.count)))
                }
                try unsafe write(&parts, at: offset)
            }
        }
    }

    private func write(_ parts: inout [iovec], at offset: Int) throws(StoreError) {
        var offset = offset
        var first = 0
        while unsafe first < parts.count {
            let count = unsafe min(parts.count - first, 1024)  // IOV_MAX
            var written = unsafe parts.withUnsafeBufferPointer {
                // Not empty.
                unsafe pwritev(descriptor, $0.baseAddress! + first, Int32(count), off_t(offset))
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw .file(path, "write", errno) }
            offset += written
            while unsafe first < parts.count, unsafe written >= parts[first].iov_len {
                unsafe written -= parts[first].iov_len
                first += 1
            }
            if written > 0 {
                unsafe parts[first].iov_base += written
                unsafe parts[first].iov_len -= written
            }
        }
    }

    /// Makes what has been written survive the machine.
    func sync() throws(StoreError) {
        guard fdatasync(descriptor) == 0 else { throw .file(path, "sync", errno) }
    }
}

extension StoreError {
    /// What became of an operation on a file; a full disk is told apart.
    static func file(_ path: String, _ operation: String, _ error: Int32) -> StoreError {
        let detail = unsafe "cannot \(operation) \(path): \(String(cString: strerror(error)))"
        return error == ENOSPC || error == EDQUOT ? .storageFull(detail) : .storageFailed(detail)
    }
}
