internal import ArgumentParser
internal import EmbeddingClient
internal import EmbeddingWire
internal import NIOCore
internal import NIOPosix

/// `thermocline bench`: a load generator.
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Puts a load on a table; prints rows/s and latency percentiles.",
        discussion: """
            Each connection keeps DEPTH requests in flight and sends the next when a reply comes, \
            so latencies include the wait behind the requests before. What the server refuses as \
            overloaded is counted, and sent again when the server says so. Ids are drawn ahead of \
            time. With --announce those of pulls are announced, and a pull is sent when the reply says \
            that its rows are in memory. With --shared-memory pulled rows are placed in memory that the \
            server shares, and are not copied out of it. Where the table is missing it is made, with the schema \
            options, and dropped in the end unless --keep is given.
            """)

    @OptionGroup var server: ServerChoice

    @Option(help: ArgumentHelp("The table to use.", valueName: "name"))
    var table = "bench"

    @OptionGroup(title: "Schema of a table that is made") var schema: SchemaOptions

    @Flag(help: "Keep a table that was made.")
    var keep = false

    @Option(help: ArgumentHelp("Ids to ask for; k, M, G may follow.", valueName: "n"))
    var rows = Quantity(1_000_000)

    @Option(help: ArgumentHelp("uniform, or zipf:EXPONENT.", valueName: "name"))
    var distribution = IDDistribution.uniform

    @Option(help: ArgumentHelp("Ids in a request.", valueName: "n"))
    var batch = 512

    @Option(help: ArgumentHelp("Connections to the server.", valueName: "n"))
    var connections = 1

    @Option(help: ArgumentHelp("Requests in flight on each connection.", valueName: "n"))
    var depth = 8

    @Option(
        help: ArgumentHelp(
            "Requests ahead of which the ids of pulls are announced; 0 for none.", valueName: "n"))
    var announce = 0

    @Option(
        help: ArgumentHelp(
            "Memory on each connection for pulled rows; from a server on this machine.",
            valueName: "size"))
    var sharedMemory: ByteSize?

    @Option(
        help: ArgumentHelp(
            "Operations and how often each comes: pull, push, assign.",
            valueName: "operation:weight,…"))
    var mix = OperationMix(argument: "pull:100")!

    @Option(
        help: ArgumentHelp(
            "How long to measure; 10 unless --requests is given.", valueName: "n"))
    var seconds: Double?

    @Option(help: ArgumentHelp("How many requests to measure instead.", valueName: "n"))
    var requests: Quantity?

    @Option(help: ArgumentHelp("Seconds of load before measuring.", valueName: "n"))
    var warmup = 1.0

    @Option(help: "How pulled rows travel.")
    var format = Format.float32

    @Flag(inversion: .prefixedNo, help: "Let pulls make rows for unknown ids.")
    var create = true

    @Flag(help: "Make a row for every id first.")
    var preload = false

    @Option(help: ArgumentHelp("Decides the ids drawn.", valueName: "number"))
    var loadSeed: UInt64 = 1

    @Flag(help: "Print JSON.")
    var json = false

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case float32, float16, int16

        var rowFormat: RowFormat {
            switch self {
            case .float32: .float32
            case .float16: .float16
            case .int16: .int16
            }
        }
    }

    func validate() throws {
        guard batch >= 1, connections >= 1, depth >= 1, rows.value >= 1 else {
            throw ValidationError("--batch, --connections, --depth and --rows are at least 1")
        }
        guard (0...256).contains(announce) else {
            throw ValidationError("--announce is at most 256")
        }
        guard rows.value <= 1 << 53 else { throw ValidationError("--rows is at most 2^53") }
        guard connections <= 4096 else { throw ValidationError("--connections is at most 4096") }
        guard seconds == nil || requests == nil else {
            throw ValidationError("--seconds or --requests, not both")
        }
        guard (seconds ?? 1) > 0, (seconds ?? 1) < 1e6, (0..<1e6).contains(warmup) else {
            throw ValidationError("--seconds is above 0 and --warmup not below, both under 10^6")
        }
        guard (requests?.value ?? 1) >= 1, (requests?.value ?? 1) <= 1 << 40 else {
            throw ValidationError("--requests is at least 1")
        }
    }

    private var plan: Load.Plan {
        Load.Plan(
            rows: rows.value, distribution: distribution, mix: mix, batch: batch,
            connections: connections, depth: depth, announce: announce, create: create,
            format: format.rowFormat, warmupSeconds: warmup,
            extent: requests.map { .requests(Int($0.value)) } ?? .seconds(seconds ?? 10),
            seed: loadSeed)
    }

    func run() async throws {
        let group = MultiThreadedEventLoopGroup(
            numberOfThreads: min(connections, System.coreCount))
        var clients: [EmbeddingClient] = []
        for _ in 0..<connections {
            clients.append(
                try await server.connect(
                    group: group, sharedReplyBytes: sharedMemory?.bytes ?? 0))
        }
        for client in clients { try check(client) }
        let (table, isOurs) = try await openTable(clients[0])
        let report: LoadReport
        do {
            report = try await measure(table, clients)
        } catch {
            // The load's error is the one to report; the table may be out of reach by now.
            if isOurs && !keep { try? await table.drop() }
            throw error
        }
        if isOurs && !keep { try await table.drop() }
        for client in clients { await client.close() }
        try await group.shutdownGracefully()
        print(json ? try JSONText.of(report) : report.text)
    }

    /// Refuses what the server's limits do not allow.
    private func check(_ client: EmbeddingClient) throws {
        guard batch <= client.idsMax else {
            throw Failure(.usage, "--batch is at most \(client.idsMax) with this server")
        }
        guard depth + announce <= client.requestsInFlightMax else {
            throw Failure(
                .usage,
                "--depth and --announce are at most \(client.requestsInFlightMax) with this server")
        }
        guard announce == 0 || client.mayPrefetch else {
            throw Failure(.configuration, "the server takes no announcements")
        }
        guard sharedMemory == nil || client.sharesReplies else {
            throw Failure(.configuration, client.sharing.obstacle ?? "")
        }
        guard client.acceptsWrites || !(mix.writes || preload || create) else {
            throw Failure(
                .configuration, "the server is read-only: --no-create and pulls alone are possible")
        }
    }

    /// The table, and whether it was made just now.
    private func openTable(
        _ client: EmbeddingClient
    ) async throws -> (table: EmbeddingTable, isOurs: Bool) {
        do {
            return (try await client.table(named: table), false)
        } catch let error as WireError where error.code == .unknownTable {
            return (try await client.createTable(table, schema: schema.schema), true)
        }
    }

    private func measure(
        _ table: EmbeddingTable, _ clients: [EmbeddingClient]
    ) async throws -> LoadReport {
        // Table numbers are the server's, so the other connections use the same.
        let listing = TableListing(number: table.number, name: table.name, schema: table.schema)
        let load = Load(plan, tables: clients.map { EmbeddingTable(client: $0, listing) })
        if preload { try await load.preload() }
        let (tallies, seconds) = try await load.run()
        var total = LoadTally()
        for (operation, tally) in tallies where operation != .prefetch { total.add(tally) }
        let operations = tallies.map { operation, tally in
            (operation.rawValue, LoadReport.line(tally, seconds: seconds))
        }
        return LoadReport(
            table: table.name, dimension: table.dimension, rows: rows.value,
            distribution: distribution.description, mix: mix.description, batch: batch,
            connections: connections, depth: depth, announce: announce, sharedMemory: sharedMemory?.bytes,
            format: format.rawValue, seconds: seconds,
            operations: Dictionary(uniqueKeysWithValues: operations),
            total: LoadReport.line(total, seconds: seconds))
    }
}
