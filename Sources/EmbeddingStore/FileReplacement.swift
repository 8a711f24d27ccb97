internal import Foundation

/// A file that is written anew beside the one it replaces: a reader, or a crash, sees the old or the
/// new one as a whole.
struct FileReplacement: ~Copyable {
    private let path: String
    private let descriptor: Int32

    /// Writes what `body` appends and puts it in place of the file at `path`. With `synced` it is
    /// there after a failure of the machine, too; without, the machine may keep neither.
    static func write(
        _ path: String, synced: Bool,
        _ body: (borrowing FileReplacement) throws(StoreError) -> Void
    ) throws(StoreError) {
        let temporary = path + ".new"
        do throws(StoreError) {
            try FileReplacement(temporary).fill(synced: synced, body)
            guard unsafe rename(temporary, path) == 0 else { throw .file(path, "write", errno) }
        } catch {
            unsafe unlink(temporary)
            throw error
        }
        if synced {
            try DataDirectory.syncFile((path as NSString).deletingLastPathComponent)
        }
    }

    private init(_ path: String) throws(StoreError) {
        self.path = path
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .file(path, "make", errno) }
    }

    deinit { Glibc.close(descriptor) }

    private borrowing func fill(
        synced: Bool, _ body: (borrowing FileReplacement) throws(StoreError) -> Void
    ) throws(StoreError) {
        try body(self)
        if synced, fsync(descriptor) != 0 { throw .file(path, "sync", errno) }
    }

    borrowing func append(_ bytes: [UInt8]) throws(StoreError) {
        try unsafe bytes.withBytes { (bytes) throws(StoreError) in
            var done = 0
            while done < bytes.count {
                let count = unsafe Glibc.write(
                    descriptor, bytes.baseAddress! + done, bytes.count - done)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw .file(path, "write", errno) }
                done += count
            }
        }
    }
}
