internal import CZlib
internal import Foundation

/// A file that is read where the system maps it. It must not be cut short meanwhile.
@safe final class MappedFile: @unchecked Sendable {
    // Mapped for reading only, and until this goes.
    let path: String
    let bytes: UnsafeRawBufferPointer

    /// Throws `storageFailed` for a file that cannot be opened or mapped.
    init(path: String) throws(StoreError) {
        func failed(_ verb: String) -> StoreError {
            .storageFailed(unsafe "cannot \(verb) \(path): \(String(cString: strerror(errno)))")
        }
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failed("open") }
        defer { Glibc.close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw failed("read") }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .damaged("\(path) is not a file")
        }
        let count = Int(status.st_size)
        self.path = path
        if count == 0 {
            unsafe bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let address = unsafe mmap(nil, count, PROT_READ, MAP_SHARED, descriptor, 0),
            unsafe address != MAP_FAILED
        else { throw failed("map") }
        unsafe bytes = UnsafeRawBufferPointer(start: address, count: count)
    }

    deinit {
        if let address = unsafe bytes.baseAddress {
            unsafe munmap(UnsafeMutableRawPointer(mutating: address), bytes.count)
        }
    }

    /// CRC-32 of a range of bytes, continued from `checksum`.
    func checksum(_ range: Range<Int>, from checksum: UInt32 = 0) -> UInt32 {
        unsafe CRC32.of(UnsafeRawBufferPointer(rebasing: bytes[range]), from: checksum)
    }
}

/// CRC-32 as in zlib, gzip and Python's `zlib.crc32`.
enum CRC32 {
    static func of(_ bytes: UnsafeRawBufferPointer, from checksum: UInt32 = 0) -> UInt32 {
        unsafe UInt32(
            truncatingIfNeeded: crc32_z(
                UInt(checksum), bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
                bytes.count))
    }

    static func of(_ bytes: [UInt8], from checksum: UInt32 = 0) -> UInt32 {
        // The address of an empty array may be nil, which zlib takes for a new beginning.
        bytes.isEmpty ? checksum : unsafe bytes.withUnsafeBytes { unsafe of($0, from: checksum) }
    }
}
