import EmbeddingClient
import EmbeddingServer
import Foundation
import Logging
import NIOCore
import ServiceLifecycle
import Testing

@testable import EmbeddingStore

/// A server in this process with a store of its own, gone when the test is.
final class TestServer: Sendable {
    let path: String
    let store: Store
    let cold: FaultyColdTier
    let address: ServerAddress
    private let services: ServiceGroup
    private let running: Task<Void, any Error>

    enum Socket {
        case unix, tcp, tls

        func address(in folder: String) -> ServerAddress {
            switch self {
            case .unix: .unix(path: folder + "/t.sock")
            case .tcp: .tcp(host: "127.0.0.1", port: 0)
            case .tls: .tls(host: "127.0.0.1", port: 0)
            }
        }
    }

    /// Limits small enough for a test, and few threads.
    static var options: ServerOptions {
        var options = ServerOptions()
        options.eventLoopCount = 1
        options.diskThreadCount = 2
        options.stopTimeoutSeconds = 10
        return options
    }

    /// Runs `body` with a server that listens, then stops it in good order.
    static func with(
        path: String? = nil, memoryBytes: Int = 64 << 20, isReadOnly: Bool = false,
        socket: Socket = .unix, address: ServerAddress? = nil,
        options: ServerOptions = TestServer.options,
        logger: Logger = quietLogger, _ body: (TestServer) async throws -> Void
    ) async throws {
        let folder = path ?? temporaryPath()
        defer { if path == nil { try? FileManager.default.removeItem(atPath: folder) } }
        let server = try await TestServer(
            folder, memoryBytes, isReadOnly, address ?? socket.address(in: folder), options, logger)
        do {
            try await body(server)
        } catch {
            try? await server.stop()
            throw error
        }
        try await server.stop()
    }

    static func temporaryPath() -> String { "/tmp/tcs-\(UUID().uuidString.prefix(13))" }

    private init(
        _ path: String, _ memoryBytes: Int, _ isReadOnly: Bool, _ address: ServerAddress,
        _ options: ServerOptions, _ logger: Logger
    ) async throws {
        self.path = path
        let directory = try DataDirectory(path: path, readOnly: isReadOnly)
        cold = FaultyColdTier(
            try RocksDBColdTier(path: directory.coldPath, readOnly: isReadOnly, mayCreate: true))
        store = try Store(
            directory: directory, cold: cold,
            options: .init(memoryBytes: memoryBytes, isReadOnly: isReadOnly, shardCount: 4))
        let (listening, announce) = AsyncStream.makeStream(of: [ServerAddress].self)
        let server = EmbeddingServer(
            store: store, addresses: [address], options: options, logger: logger
        ) { addresses in
            announce.yield(addresses)
            announce.finish()
        }
        let services = ServiceGroup(
            configuration: .init(
                services: [
                    .init(service: server, successTerminationBehavior: .gracefullyShutdownGroup)
                ],
                logger: quietLogger))
        self.services = services
        running = Task {
            defer { announce.finish() }
            try await services.run()
        }
        var bound: [ServerAddress] = []
        for await addresses in listening { bound = addresses }
        guard let first = bound.first else {
            try await running.value
            throw CancellationError()
        }
        self.address = first
    }

    func connect(
        _ access: ClientAccess = ClientAccess(), sharedReplyBytes: Int = 0
    ) async throws -> EmbeddingClient {
        try await EmbeddingClient.connect(
            to: address, access: access, timeout: .seconds(25), sharedReplyBytes: sharedReplyBytes)
    }

    /// Runs `body` with a connection.
    func connected(
        _ access: ClientAccess = ClientAccess(), sharedReplyBytes: Int = 0,
        _ body: (EmbeddingClient) async throws -> Void
    ) async throws {
        let client = try await connect(access, sharedReplyBytes: sharedReplyBytes)
        do {
            try await body(client)
        } catch {
            await client.close()
            throw error
        }
        await client.close()
    }

    /// Begins to stop; `finished` waits for the end.
    func beginStop() async { await services.triggerGracefulShutdown() }

    func finished() async throws { try await running.value }

    private func stop() async throws {
        cold.recover()
        await beginStop()
        try await finished()
        try store.close()
    }
}

let quietLogger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

extension EmbeddingWire.TableSchema {
    /// Rows of zeros that stay in float32 wherever they are, and steps that are exact for whole
    /// numbers.
    static func exact(dimension: UInt32) -> EmbeddingWire.TableSchema {
        .init(
            dimension: dimension, hot: .float32, cold: .float32, optimizer: .sgd(learningRate: 1),
            initializer: .zeros)
    }
}

/// Says where rows differ from what they should be, without printing them all.
func expectRows(
    _ rows: [Float], _ expected: [Float], _ comment: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let isSame = rows == expected
    let first = zip(rows, expected).enumerated().first { $0.element.0 != $0.element.1 }
    #expect(
        isSame, "\(comment) first difference: \(String(describing: first))",
        sourceLocation: sourceLocation)
}

/// The code of the `WireError` that `body` throws; nil for none.
func refusal(_ body: () async throws -> Void) async throws -> ErrorCode? {
    do {
        try await body()
        return nil
    } catch let error as WireError {
        return error.code
    }
}

/// `count` rows of which the n-th has n + 1 everywhere.
func numberedRows(_ count: Int, _ dimension: Int) -> [Float] {
    (0..<count).flatMap { Array(repeating: Float($0 + 1), count: dimension) }
}
