public import EmbeddingStore
public import EmbeddingWire
internal import Foundation
public import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix
public import ServiceLifecycle

/// Serves a store on one or more sockets until its task is asked to shut down gracefully.
///
/// The store is the caller's, who closes it after `run()` has returned.
public struct EmbeddingServer: Service {
    private let store: any ReadableStore
    private let addresses: [ServerAddress]
    private let options: ServerOptions
    private let logger: Logger
    private let onListening: @Sendable ([ServerAddress]) throws -> Void

    /// - Parameters:
    ///   - store: what is served; it stays open when the server has stopped.
    ///   - addresses: where to listen.
    ///   - options: who may connect, and limits.
    ///   - logger: gets what happens to the server, not to single requests.
    ///   - onListening: called once all addresses accept connections, with those that they have:
    ///     a TCP port that was given as 0 is the real one here.
    public init(
        store: any ReadableStore, addresses: [ServerAddress],
        options: ServerOptions = ServerOptions(),
        logger: Logger,
        onListening: @escaping @Sendable ([ServerAddress]) throws -> Void = { _ in }
    ) {
        self.store = store
        self.addresses = addresses
        self.options = options
        self.logger = logger
        self.onListening = onListening
    }

    /// Listens and serves. Throws ``BadAccess`` or ``CannotListen``.
    public func run() async throws {
        try options.access.check(addresses)
        let group = MultiThreadedEventLoopGroup(
            numberOfThreads: options.eventLoopCount ?? System.coreCount)
        let diskQueue = WorkQueue(
            threadCount: options.diskThreadCount, countMax: options.requestsQueuedMax)
        // Apart from that, so that a long checkpoint holds up no pull, and statistics can be had though
        // the disk's queue is full. One checkpoint waits for the other; a few threads let the rest pass.
        let administrationQueue = WorkQueue(
            threadCount: Self.administrationThreadCount, countMax: options.requestsQueuedMax)
        let queues = [diskQueue, administrationQueue]
        let acceptor = Acceptor(
            store: store, options: options, diskQueue: diskQueue,
            administrationQueue: administrationQueue, logger: logger)
        var listeners: [any Channel] = []
        do {
            for address in addresses {
                listeners.append(try await acceptor.listen(on: address, group: group))
            }
            let bound = zip(addresses, listeners).map { address, listener in
                address.bound(to: listener)
            }
            for address in bound {
                logger.info(
                    "listening",
                    metadata: [
                        "address": "\(address)",
                        "protectedBy": "\(options.access.protection(of: address))",
                    ])
                if let warning = options.access.warning(about: address) {
                    logger.warning("\(warning)", metadata: ["address": "\(address)"])
                }
            }
            try onListening(bound)
            try? await gracefulShutdown()  // cancellation ends the wait as well
            logger.info("stopping")
        } catch {
            await stop(listeners, acceptor, group, queues)
            throw error
        }
        await stop(listeners, acceptor, group, queues)
        logger.info("stopped")
    }

    private static let administrationThreadCount = 4

    /// No new connections, then no new requests, then the end of those under way.
    private func stop(
        _ listeners: [any Channel], _ acceptor: Acceptor, _ group: MultiThreadedEventLoopGroup,
        _ queues: [WorkQueue]
    ) async {
        for (address, listener) in zip(addresses, listeners) {
            try? await listener.close()  // one that is closed already is as good
            if case .unix(let path) = address { unlink(path) }
        }
        await acceptor.quiesce(timeout: .seconds(Int64(options.stopTimeoutSeconds)))
        for queue in queues { await queue.shutdown() }
        // Cannot fail but for being shut down already.
        try? await group.shutdownGracefully()
    }
}

/// An address that a server cannot listen on, and why.
public struct CannotListen: Error, CustomStringConvertible {
    public let address: ServerAddress
    public let reason: String

    public var description: String { "cannot listen on \(address): \(reason)" }
}

extension ServerAddress {
    fileprivate func bound(to listener: any Channel) -> ServerAddress {
        guard let port = listener.localAddress?.port else { return self }
        switch self {
        case .unix: return self
        case .tcp(let host, _): return .tcp(host: host, port: port)
        case .tls(let host, _): return .tls(host: host, port: port)
        }
    }
}
