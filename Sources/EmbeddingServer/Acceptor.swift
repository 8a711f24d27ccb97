internal import EmbeddingAccess
internal import EmbeddingStore
internal import EmbeddingWire
internal import Glibc
internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix
internal import NIOSSL

/// Listens, and gives each connection its handler; knows the open connections so that they can be
/// told to end.
final class Acceptor: Sendable {
    private let options: ServerOptions
    private let dispatcher: Dispatcher
    private let diskQueue: WorkQueue
    private let administrationQueue: WorkQueue
    private let requestMemory: RequestMemory
    private let logger: Logger
    private let statistics = RequestStatistics()
    private let connections = NIOLockedValueBox<[ObjectIdentifier: any Channel]>([:])

    init(
        store: any ReadableStore, options: ServerOptions, diskQueue: WorkQueue,
        administrationQueue: WorkQueue,
        logger: Logger
    ) {
        self.options = options
        requestMemory = RequestMemory(limitBytes: options.requestMemoryBytesMax)
        dispatcher = Dispatcher(
            store: store, options: options, statistics: statistics, memory: requestMemory,
            diskQueue: diskQueue)
        self.diskQueue = diskQueue
        self.administrationQueue = administrationQueue
        self.logger = logger
    }

    func listen(on address: ServerAddress, group: any EventLoopGroup) async throws -> any Channel {
        let tls = address.isTLS ? options.access.tls : nil
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { [self] channel in accept(channel, tls) }
            // Replies to a client that has closed its side are still sent.
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(
                .writeBufferWaterMark,
                value: .init(low: options.unsentBytesMax / 2, high: options.unsentBytesMax)
            )
            // A frame of thousands of rows takes few reads; small requests do not pay for it. A
            // connection may hold as much without asking.
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(
                    minimum: 4096, initial: 64 << 10, maximum: ReceiveBuffer.readBytesMax))
        do {
            switch address {
            case .unix(let path):
                let socket = try UnixSocket.bind(path: path, mode: options.access.socketMode)
                let listener = try await bootstrap.withBoundSocket(socket).get()
                // NIO listens on a socket that it is given with a backlog of its own.
                Glibc.listen(socket, Self.backlog)
                return listener
            case .tcp(let host, let port), .tls(let host, let port):
                return
                    try await bootstrap
                    .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                    // A client whose machine is gone is found out, if in hours.
                    .childChannelOption(.socketOption(.so_keepalive), value: 1)
                    .bind(host: host, port: port).get()
            }
        } catch let error as CannotListen {
            throw error
        } catch {
            throw CannotListen(address: address, reason: "\(error)")
        }
    }

    /// Connections that the system holds until they are accepted.
    private static let backlog: CInt = 256

    private func accept(_ channel: any Channel, _ tls: ServerTLS?) -> EventLoopFuture<Void> {
        let isRefused = !statistics.connect(max: options.connectionsMax)
        if !isRefused {
            connections.withLockedValue { $0[ObjectIdentifier(channel)] = channel }
            channel.closeFuture.whenComplete { [self] _ in
                connections.withLockedValue { $0[ObjectIdentifier(channel)] = nil }
                statistics.disconnect()
            }
        }
        return channel.eventLoop.makeCompletedFuture {
            if let tls {
                try channel.pipeline.syncOperations.addHandler(
                    NIOSSLServerHandler(context: tls.context))
            }
            try channel.pipeline.syncOperations.addHandler(
                ConnectionHandler(
                    dispatcher: dispatcher, diskQueue: diskQueue,
                    administrationQueue: administrationQueue, requestMemory: requestMemory,
                    options: options, isRefused: isRefused, logger: logger))
        }
    }

    /// Tells all connections to end when their requests under way have been answered, and waits;
    /// those that take longer than `timeout` are closed.
    func quiesce(timeout: TimeAmount) async {
        let open = connections.withLockedValue { Array($0.values) }
        for channel in open {
            channel.eventLoop.execute {
                channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
            }
            let force = channel.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
            channel.closeFuture.whenComplete { _ in force.cancel() }
        }
        // A connection that ends badly has ended.
        for channel in open { try? await channel.closeFuture.get() }
    }
}
