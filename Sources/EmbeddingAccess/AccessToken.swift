internal import EmbeddingWire
internal import Foundation

/// A secret that a server and its clients share: whoever presents it may come in.
///
/// It shows in no description of itself or of what holds it.
public struct AccessToken: Sendable {
    /// Longest token, in bytes: as much as the handshake carries.
    public static let bytesMax = Hello.credentialBytesMax

    /// The token, then zeros up to the longest there may be.
    private let padded: [UInt8]
    private let count: Int

    /// A token of 1 to 1024 bytes of any value; nil for another number.
    public init?(_ bytes: some Collection<UInt8>) {
        guard (1...Self.bytesMax).contains(bytes.count) else { return nil }
        padded = Self.padding(bytes)
        count = bytes.count
    }

    /// Reads a token from a file that its owner alone can use: what is in it but for one newline at
    /// its end. Blocks.
    public init(file path: String) throws(UnusableFile) {
        var bytes = try Self.read(path)
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        guard !bytes.isEmpty else { throw UnusableFile(path, "it is empty") }
        guard let token = AccessToken(bytes) else {
            throw UnusableFile(path, "a token has at most \(Self.bytesMax) bytes")
        }
        self = token
    }

    package var bytes: [UInt8] { Array(padded.prefix(count)) }

    /// Whether `presented` is this token. The time that takes depends on neither the token, nor its
    /// length, nor where the two differ.
    package func matches(_ presented: [UInt8]) -> Bool {
        guard presented.count <= Self.bytesMax else { return false }
        let presentedPadded = Self.padding(presented)
        var difference = count ^ presented.count
        for index in 0..<Self.bytesMax {
            difference |= Int(padded[index] ^ presentedPadded[index])
        }
        return difference == 0
    }

    private static func padding(_ bytes: some Collection<UInt8>) -> [UInt8] {
        Array(bytes) + Array(repeating: 0, count: bytesMax - bytes.count)
    }

    /// The file's bytes, at most two more than a token has. What may read the file is asked of the
    /// file that is open, not of what its path meant a moment before.
    private static func read(_ path: String) throws(UnusableFile) -> [UInt8] {
        // Without waiting for whoever might write to a pipe of that name.
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw UnusableFile(path, systemError()) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw UnusableFile(path, systemError()) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw UnusableFile(path, "it is no regular file")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw UnusableFile(
                path, "others than its owner may use it; say chmod 600 \(path)")
        }
        var bytes = [UInt8](repeating: 0, count: bytesMax + 2)
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes {
                Foundation.read(descriptor, $0.baseAddress! + filled, $0.count - filled)
            }
            guard count >= 0 else { throw UnusableFile(path, systemError()) }
            if count == 0 { break }
            filled += count
        }
        return Array(bytes.prefix(filled))
    }

    private static func systemError() -> String { String(cString: strerror(errno)) }
}

extension AccessToken: CustomStringConvertible, CustomReflectable {
    public var description: String { "AccessToken" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
