internal import Foundation

/// A packed file while it is written: under another name, until it is whole.
final class PackedOutput {
    let path: String
    private let partial: String
    private let descriptor: Int32
    private var isFinished = false

    /// Throws `cannotCreate` when the file exists.
    init(path: String) throws(StoreError) {
        guard unsafe access(path, F_OK) != 0 else { throw .cannotCreate("\(path) exists") }
        self.path = path
        partial = "\(path).partial-\(getpid())"
        descriptor = unsafe open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw .cannotCreate(
                unsafe "cannot create \(partial): \(String(cString: strerror(errno)))")
        }
    }

    deinit {
        if descriptor >= 0 { Glibc.close(descriptor) }
        if !isFinished { unsafe unlink(partial) }
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(StoreError) {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                // Not empty.
                unsafe pwrite(
                    descriptor, $0.baseAddress! + done, bytes.count - done, off_t(offset + done))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .file(partial, "write", errno) }
            done += count
        }
    }

    /// Gives the file its name, unless another has it by now.
    func finish() throws(StoreError) {
        guard fsync(descriptor) == 0 else { throw .file(partial, "write", errno) }
        // Unlike rename, link does not replace.
        guard unsafe link(partial, path) == 0 else {
            throw .cannotCreate(
                errno == EEXIST
                    ? "\(path) exists"
                    : unsafe "cannot create \(path): \(String(cString: strerror(errno)))")
        }
        isFinished = true
        unsafe unlink(partial)
        let folder = (path as NSString).deletingLastPathComponent
        try DataDirectory.syncFile(folder.isEmpty ? "." : folder)
    }
}

/// A section of a packed file while it is written, from its beginning on.
struct PackedSectionWriter {
    let offset: Int
    private(set) var length = 0
    private let output: PackedOutput
    private var buffer: [UInt8] = []
    private var checksum: UInt32 = 0

    private static let bufferBytes = 1 << 18

    /// - Parameter offset: the section begins there, or at the next place where one may.
    init(_ output: PackedOutput, at offset: Int) {
        self.output = output
        self.offset = offset.roundedUp(toMultipleOf: PackedDescription.Section.alignment)
    }

    mutating func append(_ bytes: some Collection<UInt8>) throws(StoreError) {
        buffer.append(contentsOf: bytes)
        length += bytes.count
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    mutating func append<Number: FixedWidthInteger>(_ number: Number) throws(StoreError) {
        unsafe withUnsafeBytes(of: number.littleEndian) { unsafe buffer.append(contentsOf: $0) }
        length += MemoryLayout<Number>.size
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    private mutating func flush() throws(StoreError) {
        checksum = CRC32.of(buffer, from: checksum)
        try output.write(buffer, at: offset + length - buffer.count)
        buffer.removeAll(keepingCapacity: true)
    }

    /// Writes what is left and says where the section is.
    mutating func finish() throws(StoreError) -> PackedDescription.Section {
        try flush()
        return .init(offset: offset, length: length, crc32: checksum)
    }
}
