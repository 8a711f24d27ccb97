public import ArgumentParser
internal import EmbeddingServer
internal import EmbeddingStore
internal import EmbeddingWire
internal import Foundation
public import Logging
internal import ServiceLifecycle
internal import UnixSignals

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serves the store in a folder to trainers and inference servers.",
        discussion: """
            Runs until SIGTERM or SIGINT; then it finishes what is in flight, writes what is only \
            in memory, and exits with 0. \
            A folder that does not exist is made; one that another process serves is refused.
            """)

    @Option(help: ArgumentHelp("The folder that the store lives in.", valueName: "DIR"))
    var data: String

    @Option(
        help: ArgumentHelp(
            """
            unix:/path/to.sock or tcp:host:port; may be given more than once \
            (default: unix:DIR/thermocline.sock).
            """,
            valueName: "ADDRESS"))
    var listen: [String] = []

    @Option(
        help: ArgumentHelp(
            "Memory for hot rows, their optimizer state and index.", valueName: "SIZE"))
    var memory = ByteSize(bytes: 1 << 30)

    @Option(
        help: """
            What survives when the process dies: with none, the last clean stop or checkpoint. \
            (buffered and synced are not available yet.)
            """)
    var durability = Durability.none

    @Flag(help: "For inference: serve what is there, create and change nothing.")
    var readOnly = false

    @Option(
        help: ArgumentHelp(
            "A file to write once the server listens: its addresses, one a line.", valueName: "FILE"
        ))
    var readyFile: String?

    @Option(help: "Longest frame read or written.")
    var frameBytesMax = ByteSize(bytes: ServerOptions().frameBytesMax)

    @Option(help: "Most ids in one request.")
    var idsMax = ServerOptions().idsMax

    @Option(help: "Most connections at a time.")
    var connectionsMax = ServerOptions().connectionsMax

    @Option(help: "Threads that handle connections (default: one a core).")
    var threads: Int?

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel = Logger.Level.info

    enum Durability: String, ExpressibleByArgument, CaseIterable { case none, buffered, synced }

    func validate() throws {
        // Lists of tables and statistics must fit in a frame too.
        guard (64 << 10...Int(UInt32.max)).contains(frameBytesMax.bytes) else {
            throw ValidationError("--frame-bytes-max is from 64KiB to 4GiB, less one byte.")
        }
        guard idsMax >= 1, idsMax <= UInt32.max, connectionsMax >= 1 else {
            throw ValidationError("Limits are at least 1, and --ids-max is below 2^32.")
        }
        guard (1...128).contains(threads ?? 1) else {
            throw ValidationError("--threads is from 1 to 128.")
        }
    }

    func run() async throws {
        guard durability == .none else {
            throw Failure(
                .configuration, "--durability \(durability.rawValue) is not available yet; use none"
            )
        }
        let addresses =
            try listen.isEmpty
            ? [ServerAddress(parsing: "unix:\(absolute(data))/thermocline.sock")]
            : listen.map { try ServerAddress(parsing: $0) }
        var logger = Logger(
            label: "thermocline", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = logLevel

        let store = try Store(
            path: absolute(data), options: .init(memoryBytes: memory.bytes, isReadOnly: readOnly))
        logger.info(
            "store open",
            metadata: [
                "data": "\(store.path)", "tables": "\(store.tables.count)",
                "rows": "\(store.tables.reduce(0) { $0 + $1.count })", "memory": "\(memory)",
                "durability": "\(durability.rawValue)", "readOnly": "\(readOnly)",
            ])
        let server = EmbeddingServer(
            store: store, addresses: addresses, options: options, logger: logger
        ) { addresses in
            guard let readyFile else { return }
            let lines = addresses.map { "\($0)\n" }.joined()
            try lines.write(toFile: readyFile, atomically: true, encoding: .utf8)
        }
        let services = ServiceGroup(
            configuration: .init(
                services: [
                    .init(service: server, successTerminationBehavior: .gracefullyShutdownGroup)
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        defer { if let readyFile { unlink(readyFile) } }
        do {
            try await services.run()
        } catch {
            do {
                try store.close()
            } catch {
                logger.error("closing the store failed", metadata: ["error": "\(error)"])
            }
            throw error
        }
        let started = ContinuousClock.now
        try store.close()
        logger.info("store closed", metadata: ["took": "\(started.duration(to: .now))"])
    }

    private var options: ServerOptions {
        var options = ServerOptions()
        options.frameBytesMax = frameBytesMax.bytes
        options.idsMax = idsMax
        options.connectionsMax = connectionsMax
        options.eventLoopCount = threads
        return options
    }

    private func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
