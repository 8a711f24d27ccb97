import Benchmark
import EmbeddingClient
import EmbeddingServer
import EmbeddingStore
import Logging
import NIOCore

extension BenchmarkMetric {
    fileprivate static var rowsPerSecond: BenchmarkMetric {
        .custom("Rows per second (k)", polarity: .prefersLarger, useScalingFactor: false)
    }
}

/// A server on a Unix socket and one client in the same process, beside the loops over flat rows.
func serverSuite() {
    Benchmark.add(
        "server pull, \(batchRows) rows of \(benchmarkRows), uniform, 4 in flight",
        metrics: [.rowsPerSecond, .timePerRow, .shareOfGather, .shareOfLookup]
    ) {
        try await ServedTable()
    } takeDown: {
        try await $0.stop()
    } measure: { benchmark, served in
        try await served.measure(benchmark)
    }
}

private final class ServedTable {
    private let fixture: TableFixture
    private let server: Task<Void, any Error>
    private let client: EmbeddingClient
    private let flat: FlatRows
    private let plain: FlatTable
    private var requests: Requests
    private let buffer = RowBuffer()

    private static let depth = 4
    /// Requests in one measurement.
    private static let sampleBatches = 128

    init() async throws {
        let fixture = try TableFixture.hot(rows: benchmarkRows)
        self.fixture = fixture
        let address = ServerAddress.unix(path: fixture.folder + "/benchmark.sock")
        let (listening, announce) = AsyncThrowingStream<Void, any Error>.makeStream()
        server = Task {
            do {
                try await EmbeddingServer(
                    store: fixture.store, addresses: [address],
                    logger: Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() }
                ) { _ in
                    announce.finish()
                }.run()
            } catch {
                announce.finish(throwing: error)
                throw error
            }
        }
        for try await _ in listening {}
        client = try await EmbeddingClient.connect(to: address)
        flat = FlatRows(count: benchmarkRows)
        plain = FlatTable(count: benchmarkRows)
        requests = Requests(.uniform, rows: benchmarkRows)
    }

    func stop() async throws {
        await client.close()
        server.cancel()
        try await server.value
        try fixture.remove()
    }

    func measure(_ benchmark: Benchmark) async throws {
        let sample = requests.take(Self.sampleBatches)
        let clock = ContinuousClock()
        let gather = clock.measure {
            for batch in sample { flat.gather(batch.positions, into: buffer.floats) }
        }
        let lookup = clock.measure {
            for batch in sample { plain.pull(batch.ids, into: buffer.floats) }
        }
        let start = clock.now
        try await PullChain.run(
            client, table: fixture.table.number, sample, depth: Self.depth)
        let elapsed = start.duration(to: clock.now)
        let rows = Self.sampleBatches * batchRows
        benchmark.record(
            elapsed, rows: rows, beside: [(.shareOfGather, gather), (.shareOfLookup, lookup)])
        benchmark.measurement(
            .rowsPerSecond, Int(Double(rows) / (elapsed / .seconds(1)) / 1000))
    }
}

/// Makes pulls from the event loop of the client, a number of them in flight.
private final class PullChain {
    private let client: EmbeddingClient
    private let table: UInt32
    private let done: EventLoopPromise<Void>
    private var left: ArraySlice<Batch>
    private var inFlight = 0

    private init(
        _ client: EmbeddingClient, _ table: UInt32, _ batches: [Batch],
        _ done: EventLoopPromise<Void>
    ) {
        self.client = client
        self.table = table
        self.done = done
        left = batches[...]
    }

    static func run(
        _ client: EmbeddingClient, table: UInt32, _ batches: [Batch], depth: Int
    ) async throws {
        let done = client.eventLoop.makePromise(of: Void.self)
        client.eventLoop.execute {
            let chain = PullChain(client, table, batches, done)
            for _ in 0..<depth { chain.pull() }
        }
        try await done.futureResult.get()
    }

    private func pull() {
        guard let batch = left.popFirst() else {
            if inFlight == 0 { done.succeed() }
            return
        }
        inFlight += 1
        let frame = client.encoder.pull(table: table, ids: batch.ids, create: true)
        client.send(frame).assumeIsolated().whenComplete { result in
            self.inFlight -= 1
            do {
                let reply = try result.get()
                try reply.checkStatus()
                precondition(
                    reply.body.readableBytes == 4 * batch.ids.count * rowFloats, "a short reply")
                self.pull()
            } catch {
                self.done.fail(error)
            }
        }
    }
}
