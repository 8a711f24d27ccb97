import Benchmark
import EmbeddingStore
import Foundation

extension BenchmarkMetric {
    fileprivate static func shareOfNone(_ level: Durability) -> BenchmarkMetric {
        .custom("\(level), rate of none (%)", polarity: .prefersLarger, useScalingFactor: false)
    }

    fileprivate static var rowsPerSecond: BenchmarkMetric {
        .custom("Rows per second (k)", polarity: .prefersLarger, useScalingFactor: false)
    }

    fileprivate static var shareOfPushes: BenchmarkMetric {
        .custom("Rate of the pushes (%)", polarity: .prefersLarger, useScalingFactor: false)
    }

    fileprivate static var allChanged: BenchmarkMetric {
        .custom("All rows changed (ms)", polarity: .prefersSmaller, useScalingFactor: false)
    }

    fileprivate static func changed(_ share: String) -> BenchmarkMetric {
        .custom(
            "\(share) changed, of that time (%)", polarity: .prefersSmaller,
            useScalingFactor: false)
    }
}

/// What it costs to lose nothing, in process: pushes at each level in turns, what a start after an
/// unclean stop takes, and checkpoints. `tools/durability-cost` measures a server.
func durabilitySuite() {
    for depth in [1, 4, 32] {
        Benchmark.add(
            "durability push, \(batchRows) rows of \(loggedRows), \(depth) in flight",
            metrics: [.timePerRow, .shareOfNone(.buffered), .shareOfNone(.synced)],
            maxDuration: .seconds(10)
        ) {
            try Levels()
        } takeDown: {
            try $0.remove()
        } measure: { benchmark, levels in
            try levels.measure(benchmark, depth: depth)
        }
    }
    Benchmark.add(
        "durability recovery, \(loggedRows) rows pushed once",
        metrics: [.rowsPerSecond, .shareOfPushes], maxDuration: .seconds(10)
    ) {
        try UncleanStore()
    } takeDown: {
        try $0.remove()
    } measure: { benchmark, store in
        try store.measure(benchmark)
    }
    Benchmark.add(
        "durability checkpoint of \(loggedRows) rows",
        metrics: [.allChanged, .changed("1 %"), .changed("nothing")], maxDuration: .seconds(20)
    ) {
        try CheckpointedStore()
    } takeDown: {
        try $0.fixture.remove()
    } measure: { benchmark, store in
        try store.measure(benchmark)
    }
}

/// A quarter of the other suites' rows: 100 MB of log for each time that all are pushed.
private let loggedRows = benchmarkRows / 4

/// Pushes with `depth` requests in flight, as a connection has them: one more is made when the oldest
/// may be acknowledged.
private func push(_ batches: [Batch], to table: Table, _ gradients: RowBuffer, depth: Int) throws {
    var inFlight: [Commit] = []
    for batch in batches {
        if inFlight.count == depth { try inFlight.removeFirst().wait() }
        inFlight.append(try table.push(batch.ids, gradients: gradients.gradients))
    }
    for commit in inFlight { try commit.wait() }
}

/// The same table at each level.
private final class Levels {
    private let none: TableFixture
    private let logged: [(Durability, TableFixture)]
    private let gradients = RowBuffer()
    private var requests = Requests(.uniform, rows: loggedRows)

    private static let sampleBatches = 64

    init() throws {
        none = try .hot(rows: loggedRows, durability: .none)
        logged = try [Durability.buffered, .synced].map {
            ($0, try .hot(rows: loggedRows, durability: $0))
        }
    }

    func remove() throws {
        try none.remove()
        for (_, fixture) in logged { try fixture.remove() }
    }

    func measure(_ benchmark: Benchmark, depth: Int) throws {
        let sample = requests.take(Self.sampleBatches)
        func time(_ fixture: TableFixture) throws -> Duration {
            try ContinuousClock().measure {
                try push(sample, to: fixture.table, gradients, depth: depth)
            }
        }
        // Before and after the others, so that a change of the machine's mood shows less.
        var least = try time(none)
        let times = try logged.map { ($0, try time($1)) }
        least = (least + (try time(none))) / 2
        benchmark.record(least, rows: Self.sampleBatches * batchRows, beside: [])
        for (level, elapsed) in times {
            benchmark.measurement(.shareOfNone(level), Int(100 * (least / elapsed)))
        }
    }
}

/// The files of a store that died after all of its rows were pushed.
private final class UncleanStore {
    private let folder = TableFixture.newPath()
    private let pushes: Duration

    init() throws {
        let fixture = try TableFixture.hot(rows: loggedRows)
        var requests = Requests(
            .inTurn, rows: loggedRows, batchCount: loggedRows / batchRows)
        let gradients = RowBuffer()
        // Of what was made, nothing is to be replayed.
        let start = TableFixture.newPath()
        _ = try fixture.store.checkpoint(to: start)
        try FileManager.default.removeItem(atPath: start)
        let sample = requests.take(loggedRows / batchRows)
        pushes = try ContinuousClock().measure {
            try push(sample, to: fixture.table, gradients, depth: 4)
        }
        // Nothing is written meanwhile: as it is now it would be if the process died.
        try FileManager.default.copyItem(atPath: fixture.folder, toPath: folder)
        try fixture.remove()
    }

    func remove() throws { try FileManager.default.removeItem(atPath: folder) }

    func measure(_ benchmark: Benchmark) throws {
        let copy = TableFixture.newPath()
        try FileManager.default.copyItem(atPath: folder, toPath: copy)
        let store = try Store(
            path: copy, options: .init(memoryBytes: TableFixture.memoryBytes(forHot: loggedRows)))
        let recovery = store.recovery
        precondition(recovery.rows >= loggedRows, "\(recovery.rows) rows of \(loggedRows)")
        let rate = Double(recovery.rows) / recovery.seconds
        benchmark.measurement(.rowsPerSecond, Int(rate / 1000))
        let pushed = Double(loggedRows) / (pushes / .seconds(1))
        benchmark.measurement(.shareOfPushes, Int(100 * rate / pushed))
        try store.dropTable(store.table(named: "rows"))
        try store.close()
        try FileManager.default.removeItem(atPath: copy)
    }
}

private final class CheckpointedStore {
    let fixture: TableFixture
    private let batches: [Batch]
    private let gradients = RowBuffer()

    init() throws {
        fixture = try .hot(rows: loggedRows)
        var requests = Requests(
            .inTurn, rows: loggedRows, batchCount: loggedRows / batchRows)
        batches = requests.take(loggedRows / batchRows)
    }

    /// Pushes to a part of the rows, and takes the time of a checkpoint then.
    private func checkpoint(afterPushing batchCount: Int) throws -> Duration {
        try push(Array(batches.prefix(batchCount)), to: fixture.table, gradients, depth: 4)
        let copy = TableFixture.newPath()
        let elapsed = try ContinuousClock().measure {
            _ = try fixture.store.checkpoint(to: copy)
        }
        try FileManager.default.removeItem(atPath: copy)
        return elapsed
    }

    func measure(_ benchmark: Benchmark) throws {
        let all = try checkpoint(afterPushing: batches.count)
        let some = try checkpoint(afterPushing: max(1, batches.count / 100))
        let none = try checkpoint(afterPushing: 0)
        benchmark.measurement(.allChanged, Int(all / .milliseconds(1)))
        benchmark.measurement(.changed("1 %"), Int(100 * (some / all)))
        benchmark.measurement(.changed("nothing"), Int(100 * (none / all)))
    }
}
