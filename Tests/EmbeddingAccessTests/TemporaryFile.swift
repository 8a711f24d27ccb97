import Foundation

/// A file with the given bytes and permissions, gone when the test is.
final class TemporaryFile {
    let path: String

    init(_ bytes: [UInt8], mode: mode_t = 0o600) throws {
        path = "/tmp/tca-\(UUID().uuidString)"
        try Data(bytes).write(to: URL(filePath: path))
        chmod(path, mode)
    }

    convenience init(_ text: String, mode: mode_t = 0o600) throws {
        try self.init(Array(text.utf8), mode: mode)
    }

    deinit { unlink(path) }
}
