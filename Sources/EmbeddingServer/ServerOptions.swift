/// Who may use a server, and its limits. Each queue has one.
public struct ServerOptions: Sendable {
    /// Who may connect, and what they may do.
    public var access = ServerAccess()
    /// Longest frame body read or written, in bytes.
    public var frameBytesMax = 64 << 20
    /// Most ids in one request.
    public var idsMax = 1 << 20
    /// Connections at a time; further ones are refused with `tooManyConnections`.
    public var connectionsMax = 1024
    /// Requests of one connection that wait for the disk; with as many, no more are read from it.
    public var requestsInFlightMax = 1024
    /// Bytes of requests and replies of one connection that wait for the disk; with as many, no
    /// more are read.
    public var bytesInFlightMax = 64 << 20
    /// Bytes of replies that a connection has not taken yet; with as many, no more requests are
    /// read from it.
    public var unsentBytesMax = 8 << 20
    /// Threads that handle connections; nil for one a core.
    public var eventLoopCount: Int?
    /// Threads that wait for the disk.
    public var diskThreadCount = 4
    /// Seconds that a stopping server gives requests under way before it closes their connections.
    public var stopTimeoutSeconds = 30

    public init() {}
}
