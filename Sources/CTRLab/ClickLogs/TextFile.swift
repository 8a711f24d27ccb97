internal import CZlib
internal import Foundation

/// A text file that is written line by line, as gzip when its name ends in `.gz`; it has its name
/// only when it is whole.
public final class TextFile {
    private let path: String
    private let partial: String
    private var file: gzFile?
    private var buffer: [UInt8] = []

    private static let bufferBytes = 1 << 16

    /// Throws `cannotWrite`.
    public init(path: String) throws(CTRLabError) {
        self.path = path
        partial = "\(path).partial-\(getpid())"
        // T: as it is, without compression.
        guard let file = gzopen(partial, path.hasSuffix(".gz") ? "wb6" : "wbT") else {
            throw .cannotWrite("cannot create \(partial): \(String(cString: strerror(errno)))")
        }
        self.file = file
    }

    /// Removes what was written, unless it was finished.
    deinit {
        if let file {
            gzclose_w(file)
            unlink(partial)
        }
    }

    /// Writes bytes; line ends are the caller's.
    public func write(_ bytes: some Sequence<UInt8>) throws(CTRLabError) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    /// Gives the file its name. Nothing may be written any more.
    public func finish() throws(CTRLabError) {
        try flush()
        let status = gzclose_w(file)
        file = nil
        guard status == Z_OK, rename(partial, path) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(partial)
            throw .cannotWrite("cannot write \(path): \(reason)")
        }
    }

    private func flush() throws(CTRLabError) {
        guard !buffer.isEmpty else { return }
        let written = gzwrite(file, buffer, UInt32(buffer.count))
        guard Int(written) == buffer.count else {
            throw .cannotWrite("cannot write \(partial): \(String(cString: strerror(errno)))")
        }
        buffer.removeAll(keepingCapacity: true)
    }
}
