internal import EmbeddingWire
internal import Foundation
internal import NIOCore

/// The file of a Unix socket, made with the permissions that it is to have.
enum UnixSocket {
    /// A socket that is bound to `path` and does not listen yet, so that nobody can connect before
    /// the file's permissions are `mode`. It replaces a socket that nobody listens on.
    ///
    /// The process's umask is not touched: other threads make files too.
    static func bind(path: String, mode: UInt32) throws -> CInt {
        try refuseLiveSocket(path)
        try removeSocket(path)
        let descriptor = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        do {
            // Linux gives the file these permissions, less those of the umask, when it makes it.
            try check(fchmod(descriptor, mode), "fchmod")
            try SocketAddress(unixDomainSocketPath: path).withSockAddr { address, length in
                try check(Glibc.bind(descriptor, address, socklen_t(length)), "bind")
            }
            // What the umask took away.
            try check(chmod(path, mode), "chmod")
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// A socket file that somebody answers on belongs to another server, and is not replaced.
    private static func refuseLiveSocket(_ path: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let isAnswered = try SocketAddress(unixDomainSocketPath: path).withSockAddr {
            address, length in
            connect(descriptor, address, socklen_t(length)) == 0
        }
        if isAnswered {
            throw CannotListen(
                address: .unix(path: path), reason: "another server listens there")
        }
    }

    /// Removes the socket file of a server that is gone; other files are left where they are.
    private static func removeSocket(_ path: String) throws {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw CannotListen(
                address: .unix(path: path), reason: "there is a file that is no socket")
        }
        try check(unlink(path), "unlink")
    }

    private static func check(_ result: CInt, _ call: String) throws {
        if result != 0 { throw IOError(errnoCode: errno, reason: call) }
    }
}
