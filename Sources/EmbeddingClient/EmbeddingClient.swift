public import EmbeddingWire
internal import Foundation
public import NIOCore
internal import NIOPosix
internal import Synchronization

/// A connection to a Thermocline server.
///
/// Any number of calls may be made at once, from any task or event loop: they are pipelined on the
/// connection, and each gets its own answer. Calls throw a `WireError` when the server refuses
/// the request, and a ``ConnectionError`` when no answer comes; then it is not known whether the
/// server has carried out the call. A call sees the effect of every earlier write on this
/// connection to the ids that it names, whether or not the write has been answered.
///
/// Cancelling a task does not cancel its call; the call ends by its answer or its timeout.
public final class EmbeddingClient: Sendable {
    public let address: ServerAddress
    private let channel: any Channel
    private let handler: NIOLoopBound<ConnectionHandler>
    private let welcome: Welcome
    /// The last request id that was given out; they come round after 2^32 requests.
    private let lastRequestID = Atomic<UInt32>(0)
    package let sharing: Sharing
    /// For how long a call waits for its answer.
    public let timeout: TimeAmount

    /// Most calls that queue on a connection beyond what the server allows unanswered.
    private static let queuedMax = 1 << 16

    private init(
        address: ServerAddress, channel: any Channel, handler: NIOLoopBound<ConnectionHandler>,
        welcome: Welcome, sharing: Sharing, timeout: TimeAmount
    ) {
        self.address = address
        self.channel = channel
        self.handler = handler
        self.welcome = welcome
        self.sharing = sharing
        self.timeout = timeout
    }

    /// Connects, and agrees with the server on a version of the protocol.
    ///
    /// - Parameters:
    ///   - address: where the server listens.
    ///   - access: what to show to the server, and how to know it.
    ///   - group: event loops to choose one from; the process's shared ones when none are given.
    ///   - timeout: for the connection, and later for each call unless it names its own.
    ///   - sharedReplyBytes: memory that a server on this machine is asked to place pulled and pooled rows in, which
    ///     saves copying them through the socket; 0 for none. They come through the socket where it
    ///     cannot be had (``sharesReplies``), and while all of it is in use.
    /// - Throws: ``ConnectionError``; with the code `unauthorized` in
    ///   ``ConnectionError/refused(_:)`` when the server does not know the token.
    public static func connect(
        to address: ServerAddress, access: ClientAccess = ClientAccess(),
        group: (any EventLoopGroup)? = nil, timeout: TimeAmount = .seconds(30),
        sharedReplyBytes: Int = 0
    ) async throws -> EmbeddingClient {
        let tls = try TLSHandshake(with: address, access)
        let eventLoop = (group ?? MultiThreadedEventLoopGroup.singleton).next()
        let welcomed = eventLoop.makePromise(of: Welcome.self)
        let connected = open(address, on: eventLoop, timeout: timeout)
            .flatMapThrowing { channel in
                // Added to the one channel that has connected, because a host of several
                // addresses is tried with several channels.
                let handler = ConnectionHandler(
                    hello: Hello(credential: access.token?.bytes ?? []), welcomed: welcomed,
                    queuedMax: queuedMax)
                if let tls { try channel.pipeline.syncOperations.addHandler(tls.handler()) }
                try channel.pipeline.syncOperations.addHandler(handler)
                try channel.syncOptions?.setOption(.autoRead, value: true)
                return (channel, NIOLoopBound(handler, eventLoop: eventLoop))
            }
        let channel: any Channel
        let handler: NIOLoopBound<ConnectionHandler>
        do {
            (channel, handler) = try await connected.get()
        } catch {
            let unreachable = ConnectionError.unreachable(
                address, reason: Self.reason(of: error))
            welcomed.fail(unreachable)
            throw unreachable
        }
        let patience = eventLoop.scheduleTask(in: timeout) { handler.value.close(.timedOut) }
        defer { patience.cancel() }
        let client = EmbeddingClient(
            address: address, channel: channel, handler: handler,
            welcome: try await welcomed.futureResult.get(), sharing: .notAsked, timeout: timeout)
        if sharedReplyBytes <= 0 { return client }
        return EmbeddingClient(
            address: address, channel: channel, handler: handler, welcome: client.welcome,
            sharing: try await client.share(sharedReplyBytes, with: channel), timeout: timeout)
    }

    /// Why a connection could not be made, in the system's words.
    private static func reason(of error: any Error) -> String {
        switch error {
        case let error as IOError:
            String(cString: strerror(error.errnoCode))
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { reason(of: $0.error) }
                ?? "the host \(error.host) has no address"
        case ChannelError.connectTimeout:
            "no answer in time"
        default:
            "\(error)"
        }
    }

    private static func open(
        _ address: ServerAddress, on eventLoop: any EventLoop, timeout: TimeAmount
    ) -> EventLoopFuture<any Channel> {
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .channelOption(.recvAllocator, value: receiveBuffers)
            // Until there is a handler: a server that refuses speaks, and closes, at once.
            .channelOption(.autoRead, value: false)
        switch address {
        case .unix(let path):
            return bootstrap.connect(unixDomainSocketPath: path)
        case .tcp(let host, let port), .tls(let host, let port):
            return bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .connect(host: host, port: port)
        }
    }

    /// A reply of 256 KiB takes one or two reads, and small replies take small buffers.
    private static let receiveBuffers = AdaptiveRecvByteBufferAllocator(
        minimum: 4 << 10, initial: 64 << 10, maximum: 2 << 20)

    /// Whether the server takes writes; it does not when it serves for inference.
    public var acceptsWrites: Bool { welcome.capabilities.contains(.writes) }

    /// Whether the server takes announcements of rows that will soon be wanted.
    public var mayPrefetch: Bool { welcome.capabilities.contains(.prefetch) }

    /// Most ids in one call.
    public var idsMax: Int { welcome.limits.idsMax }

    /// Most calls that are with the server at once; more wait here for their turn.
    public var requestsInFlightMax: Int { welcome.limits.requestsInFlightMax }

    /// Ends the connection. Calls without an answer throw ``ConnectionError/closed(reason:)``.
    public func close() async {
        let ended = channel.closeFuture
        channel.eventLoop.execute { [handler] in
            handler.value.close(.closed(reason: "the client ended it"))
        }
        // Closing has no outcome that the caller could act on.
        try? await ended.get()
    }

    /// Writes the next request: each use of it gives another request id.
    package var encoder: RequestEncoder {
        RequestEncoder(
            requestID: lastRequestID.wrappingAdd(1, ordering: .relaxed).newValue,
            allocator: channel.allocator)
    }

    /// Whether a request is not longer than the server allows.
    func takes(_ frame: ByteBuffer) -> Bool {
        frame.readableBytes - FrameHeader.byteCount <= welcome.limits.frameBytesMax
    }

    /// Sends a request and hands back its reply, which may carry an error.
    ///
    /// The way for those who keep many requests in flight from the event loop itself: called
    /// there, it writes at once and costs no switch of threads.
    ///
    /// - Parameter frame: as ``encoder`` has written it, sent once.
    package func send(_ frame: ByteBuffer, timeout: TimeAmount? = nil) -> EventLoopFuture<Frame> {
        let promise = channel.eventLoop.makePromise(of: Frame.self)
        let timeout = timeout ?? self.timeout
        guard takes(frame) else {
            promise.fail(
                WireError(
                    .tooLarge,
                    "a request of \(frame.readableBytes - FrameHeader.byteCount) bytes; the longest "
                        + "allowed is \(welcome.limits.frameBytesMax)"))
            return promise.futureResult
        }
        if channel.eventLoop.inEventLoop {
            handler.value.call(frame, timeout: timeout, promise: promise)
        } else {
            channel.eventLoop.execute { [handler] in
                handler.value.call(frame, timeout: timeout, promise: promise)
            }
        }
        return promise.futureResult
    }

    /// Sends a request, waits for its reply, and throws the error that it carries.
    func reply(to frame: ByteBuffer, timeout: TimeAmount? = nil) async throws -> Frame {
        let reply = try await send(frame, timeout: timeout).get()
        try reply.checkStatus()
        return reply
    }

    /// The event loop of the connection: the place to call ``send(_:timeout:)`` from.
    package var eventLoop: any EventLoop { channel.eventLoop }
}
