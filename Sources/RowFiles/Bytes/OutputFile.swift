internal import Foundation

/// A file that is written under another name until it is whole.
final class OutputFile {
    let path: String
    private let partial: String
    private let descriptor: Int32
    private var isFinished = false

    /// Throws `exists` or `cannotWrite`.
    init(path: String) throws(RowFileError) {
        guard access(path, F_OK) != 0 else { throw .exists(path) }
        self.path = path
        partial = "\(path).partial-\(getpid())"
        descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw .cannotWrite(InputFile.reason("create", partial))
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        if !isFinished { unlink(partial) }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(RowFileError) {
        var done = 0
        while done < bytes.count {
            let count = pwrite(
                descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .cannotWrite(InputFile.reason("write", partial)) }
            done += count
        }
    }

    /// Gives the file its name, unless another has it by now.
    func finish() throws(RowFileError) {
        guard fsync(descriptor) == 0 else {
            throw .cannotWrite(InputFile.reason("write", partial))
        }
        // Unlike rename, link does not replace.
        guard link(partial, path) == 0 else {
            throw errno == EEXIST ? .exists(path) : .cannotWrite(InputFile.reason("create", path))
        }
        isFinished = true
        unlink(partial)
    }
}

/// A run of bytes of an output file, written from its beginning through a buffer.
struct OutputSection {
    private let file: OutputFile
    private var offset: Int
    private var buffer: [UInt8] = []

    private static let bufferBytes = 1 << 18

    init(_ file: OutputFile, at offset: Int) {
        self.file = file
        self.offset = offset
    }

    mutating func append(_ bytes: some Collection<UInt8>) throws(RowFileError) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    mutating func flush() throws(RowFileError) {
        let outcome: Result<Void, RowFileError> = buffer.withUnsafeBytes { bytes in
            Result { () throws(RowFileError) in try file.write(bytes, at: offset) }
        }
        try outcome.get()
        offset += buffer.count
        buffer.removeAll(keepingCapacity: true)
    }
}
