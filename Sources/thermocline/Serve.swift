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
        abstract:
            "Serves the store in a folder, or a packed file, to trainers and inference servers.",
        discussion: """
            Runs until SIGTERM or SIGINT; then it finishes what is in flight, writes what is only \
            in memory, and exits with 0. \
            A folder that does not exist is made; one that another process serves is refused. \
            A packed file, made by compact, is mapped and read only.
            """)

    @Option(help: ArgumentHelp("The folder that the store lives in.", valueName: "DIR"))
    var data: String?

    @Option(help: ArgumentHelp("A packed file to serve instead.", valueName: "FILE"))
    var packed: String?

    @Option(
        help: ArgumentHelp(
            """
            unix:/path/to.sock, tcp:host:port or tls:host:port; may be given more than once \
            (default: unix:DIR/thermocline.sock, or unix:FILE.sock).
            """,
            valueName: "ADDRESS"))
    var listen: [String] = []

    @OptionGroup(title: "Access") var access: AccessOptions

    @Option(
        help: ArgumentHelp(
            "Memory for hot rows, their optimizer state and index.", valueName: "SIZE"))
    var memory = ByteSize(bytes: 1 << 30)

    @Option(
        help: """
            What an acknowledged write survives: none (a clean stop), buffered (the death of the \
            process) or synced (the death of the machine).
            """)
    var durability = Durability.buffered

    @Option(help: ArgumentHelp("Most disk space of the write-ahead log.", valueName: "SIZE"))
    var logSize = ByteSize(bytes: Store.Options(memoryBytes: 0).logBytesMax)

    @Flag(
        help: """
            Open a store whose log is damaged before its end with what comes before the damage; \
            the rest is put aside.
            """)
    var acceptDamagedLog = false

    @Flag(
        inversion: .prefixedNo,
        help: "Bring rows back into memory that were there at the last stop.")
    var restoreHotRows = true

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

    @Option(
        help: ArgumentHelp(
            """
            Memory for requests and replies of all connections; past it requests are answered \
            overloaded. Clients may share a quarter as much besides.
            """,
            valueName: "SIZE"))
    var requestMemory = ByteSize(bytes: ServerOptions().requestMemoryBytesMax)

    @Option(help: "Most requests that wait for the disk; further ones are answered overloaded.")
    var requestsQueuedMax = ServerOptions().requestsQueuedMax

    @Option(
        help: ArgumentHelp("Seconds that a client has for its handshake.", valueName: "SECONDS"))
    var handshakeTimeout = ServerOptions().handshakeTimeoutSeconds

    @Option(
        help: ArgumentHelp(
            "Seconds without a byte of a request that has begun before a connection is cut off.",
            valueName: "SECONDS"))
    var receiveTimeout = ServerOptions().receiveTimeoutSeconds

    @Option(
        help: ArgumentHelp(
            "Seconds without a byte taken of ready replies before a connection is cut off.",
            valueName: "SECONDS"))
    var sendTimeout = ServerOptions().sendTimeoutSeconds

    @Option(
        help: ArgumentHelp(
            "Seconds without a request before a connection is cut off (default: never).",
            valueName: "SECONDS"))
    var idleTimeout: Double?

    @Option(help: "Threads that handle connections (default: one a core).")
    var threads: Int?

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel = Logger.Level.info

    func validate() throws {
        guard (data == nil) != (packed == nil) else {
            throw ValidationError("Give --data DIR or --packed FILE.")
        }
        // Lists of tables and statistics must fit in a frame too.
        guard (64 << 10...Int(UInt32.max)).contains(frameBytesMax.bytes) else {
            throw ValidationError("--frame-bytes-max is from 64KiB to 4GiB, less one byte.")
        }
        guard idsMax >= 1, idsMax <= UInt32.max, connectionsMax >= 1 else {
            throw ValidationError("Limits are at least 1, and --ids-max is below 2^32.")
        }
        guard requestMemory.bytes >= 2 * frameBytesMax.bytes else {
            throw ValidationError("--request-memory is at least twice --frame-bytes-max.")
        }
        guard requestsQueuedMax >= 1 else {
            throw ValidationError("--requests-queued-max is at least 1.")
        }
        let timeouts = [handshakeTimeout, receiveTimeout, sendTimeout, idleTimeout ?? 1]
        guard timeouts.allSatisfy({ $0 > 0 && $0 <= 1e6 }) else {
            throw ValidationError("Timeouts are above 0 and at most 1000000 seconds.")
        }
        guard (1...128).contains(threads ?? 1) else {
            throw ValidationError("--threads is from 1 to 128.")
        }
    }

    func run() async throws {
        let addresses =
            try listen.isEmpty
            ? [ServerAddress(parsing: "unix:\(defaultSocket)")]
            : listen.map { try ServerAddress(parsing: $0) }
        var options = options
        options.access = try access.access()
        try options.access.check(addresses)
        var logger = Logger(
            label: "thermocline", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = logLevel

        if let packed {
            let store = try open(packed: absolute(packed), logger)
            return try await serve(store, addresses, options, logger)
        }
        // One of both, as validated.
        let store = try Store(path: absolute(data ?? ""), options: storeOptions(logger))
        report(store.recovery, logger)
        logger.info(
            "store open",
            metadata: [
                "data": "\(store.path)", "tables": "\(store.tables.count)",
                "rows": "\(store.tables.reduce(0) { $0 + $1.count })", "memory": "\(memory)",
                "durability": "\(durability.rawValue)", "readOnly": "\(readOnly)",
            ])
        do {
            try await serve(store, addresses, options, logger)
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

    /// Serves until it is asked to stop.
    private func serve(
        _ store: any ReadableStore, _ addresses: [ServerAddress], _ options: ServerOptions,
        _ logger: Logger
    ) async throws {
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
        try await services.run()
    }

    private var defaultSocket: String {
        data.map { "\(absolute($0))/thermocline.sock" } ?? "\(absolute(packed ?? "")).sock"
    }

    /// Maps a packed file, and compares it with its checksums.
    private func open(packed path: String, _ logger: Logger) throws -> PackedStore {
        var progress = OfflineProgress("verify")
        let store = try PackedStore(path: path) {
            progress.show("checksums", $0, of: $1, unit: "bytes")
        }
        StandardError.clearProgress()
        logger.info(
            "packed file open",
            metadata: [
                "packed": "\(path)", "tables": "\(store.tables.count)",
                "rows": "\(store.tables.reduce(0) { $0 + $1.count })",
                "bytes": "\(store.byteCount)",
            ])
        return store
    }

    private func storeOptions(_ logger: Logger) -> Store.Options {
        var options = Store.Options(
            memoryBytes: memory.bytes, isReadOnly: readOnly, durability: durability)
        options.logBytesMax = logSize.bytes
        options.acceptsDamagedLog = acceptDamagedLog
        options.restoresHotRows = restoreHotRows
        options.onEvent = { event in
            switch event {
            case .recovering(let done, let all):
                StandardError.showProgress("replaying the log", bytes: done, of: all)
            case .counting(let table, let rows, let all):
                StandardError.showProgress("counting \(table)", rows: rows, of: all)
            case .restored(let rows, let seconds):
                logger.info(
                    "hot rows restored",
                    metadata: ["rows": "\(rows)", "took": "\(Units.microseconds(1e6 * seconds))"])
            case .logCut(let seconds):
                logger.debug("log cut", metadata: ["took": "\(Units.microseconds(1e6 * seconds))"])
            case .logCutFailed(let error):
                logger.error("cutting the log failed", metadata: ["error": "\(error)"])
            }
        }
        return options
    }

    /// Says what the start made of the log, if there was one.
    private func report(_ recovery: RecoveryReport, _ logger: Logger) {
        if let file = recovery.droppedFrom {
            logger.warning(
                "the end of the log was not whole and was dropped: a write that was not acknowledged",
                metadata: ["file": "\(file)", "bytes": "\(recovery.droppedBytes)"])
        }
        if let file = recovery.missing {
            logger.error(
                "a part of the log is missing; the store is as of before it",
                metadata: ["file": "\(file)"])
        }
        for file in recovery.putAside {
            logger.error("a damaged part of the log was put aside", metadata: ["file": "\(file)"])
        }
        guard recovery.entries > 0 else { return }
        logger.info(
            "log replayed",
            metadata: [
                "entries": "\(recovery.entries)", "rows": "\(recovery.rows)",
                "bytes": "\(recovery.bytes)", "segments": "\(recovery.segments)",
                "took": "\(Units.microseconds(1e6 * recovery.seconds))",
            ])
    }

    private var options: ServerOptions {
        var options = ServerOptions()
        options.frameBytesMax = frameBytesMax.bytes
        options.idsMax = idsMax
        options.connectionsMax = connectionsMax
        options.requestMemoryBytesMax = requestMemory.bytes
        options.requestsQueuedMax = requestsQueuedMax
        options.handshakeTimeoutSeconds = handshakeTimeout
        options.receiveTimeoutSeconds = receiveTimeout
        options.sendTimeoutSeconds = sendTimeout
        options.idleTimeoutSeconds = idleTimeout
        options.eventLoopCount = threads
        return options
    }

    private func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
extension Durability: ExpressibleByArgument {}
