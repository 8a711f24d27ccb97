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
    /// Bytes that requests and replies of all connections hold: frames that are being read, requests
    /// that wait, replies that have not been taken. Past it requests that carry ids are answered
    /// `overloaded`. At least twice `frameBytesMax`, or the longest frames are `tooLarge`. Clients may
    /// share a quarter of it beside it, for the rows of their replies.
    public var requestMemoryBytesMax = 512 << 20
    /// Requests of all connections that wait for the disk; further ones are answered `overloaded`.
    public var requestsQueuedMax = 4096
    /// Seconds that a client has for its handshake.
    public var handshakeTimeoutSeconds = 10.0
    /// Seconds without a byte of a message that has begun, after which a connection is cut off.
    public var receiveTimeoutSeconds = 30.0
    /// Seconds without a byte taken of replies that are ready, after which a connection is cut off.
    public var sendTimeoutSeconds = 30.0
    /// Seconds without a request, and with none under way, after which a connection is cut off; nil
    /// for never.
    public var idleTimeoutSeconds: Double?
    /// Threads that handle connections; nil for one a core.
    public var eventLoopCount: Int?
    /// Threads that wait for the disk.
    public var diskThreadCount = 4
    /// Seconds that a stopping server gives requests under way before it closes their connections.
    public var stopTimeoutSeconds = 30

    public init() {}
}
