internal import Foundation

/// A file that is read at any offset.
final class InputFile {
    let path: String
    let byteCount: Int
    private let descriptor: Int32

    init(path: String) throws(RowFileError) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadable(Self.reason("open", path)) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .unreadable(Self.reason("read", path))
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .unreadable("cannot read \(path): not a file")
        }
        self.path = path
        byteCount = Int(status.st_size)
    }

    deinit { close(descriptor) }

    /// Fills `bytes` from `offset` on, all of them.
    func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws(RowFileError) {
        var done = 0
        while done < bytes.count {
            let count = pread(
                descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .unreadable(Self.reason("read", path)) }
            guard count > 0 else { throw malformed(at: offset + done, "the file ends here") }
            done += count
        }
    }

    func read(count: Int, at offset: Int) throws(RowFileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let outcome: Result<Void, RowFileError> = bytes.withUnsafeMutableBytes { bytes in
            Result { () throws(RowFileError) in try read(bytes, at: offset) }
        }
        try outcome.get()
        return bytes
    }

    func malformed(at offset: Int, _ reason: String) -> RowFileError {
        .malformed(file: path, place: "byte \(offset)", reason: reason)
    }

    static func reason(_ verb: String, _ path: String) -> String {
        "cannot \(verb) \(path): \(String(cString: strerror(errno)))"
    }
}
