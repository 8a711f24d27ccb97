internal import EmbeddingStore
internal import EmbeddingWire
internal import Foundation
internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix

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
        store: Store, options: ServerOptions, diskQueue: WorkQueue, administrationQueue: WorkQueue,
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
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { [self] channel in accept(channel) }
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
                try refuseLiveSocket(path, address)
                return try await bootstrap.bind(
                    unixDomainSocketPath: path, cleanupExistingSocketFile: true
                )
                .get()
            case .tcp(let host, let port):
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

    /// A socket file that somebody answers on belongs to another server, and is not replaced.
    private func refuseLiveSocket(_ path: String, _ address: ServerAddress) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let isAnswered = try SocketAddress(unixDomainSocketPath: path).withSockAddr {
            address, length in
            connect(descriptor, address, socklen_t(length)) == 0
        }
        if isAnswered {
            throw CannotListen(address: address, reason: "another server listens there")
        }
    }

    private func accept(_ channel: any Channel) -> EventLoopFuture<Void> {
        let isRefused = !statistics.connect(max: options.connectionsMax)
        if !isRefused {
            connections.withLockedValue { $0[ObjectIdentifier(channel)] = channel }
            channel.closeFuture.whenComplete { [self] _ in
                connections.withLockedValue { $0[ObjectIdentifier(channel)] = nil }
                statistics.disconnect()
            }
        }
        return channel.eventLoop.makeCompletedFuture {
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
