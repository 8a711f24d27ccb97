import Benchmark
import EmbeddingStore

/// Pull and push of rows that are all in memory, in process, beside loops over flat rows.
func tableSuite() {
    for popularity in [Popularity.uniform, .zipf(exponent: 1.05)] {
        let suffix = "\(batchRows) rows of \(benchmarkRows), \(popularity)"
        Benchmark.add(
            "table pull, \(suffix)", metrics: [.timePerRow, .shareOfGather, .shareOfLookup]
        ) {
            try HotTable(popularity)
        } takeDown: {
            try $0.fixture.remove()
        } measure: { benchmark, table in
            try table.measurePull(benchmark)
        }
        Benchmark.add(
            "table push, \(suffix)", metrics: [.timePerRow, .shareOfGather, .shareOfSteps]
        ) {
            try HotTable(popularity)
        } takeDown: {
            try $0.fixture.remove()
        } measure: { benchmark, table in
            try table.measurePush(benchmark)
        }
    }
}

private final class HotTable {
    let fixture: TableFixture
    private let flat: FlatRows
    private let plain: FlatTable
    private var requests: Requests
    private let buffer = RowBuffer()
    private let gradients = RowBuffer()
    private let clock = ContinuousClock()

    /// Requests in one measurement, which should last some tens of milliseconds.
    private static let sampleBatches = 64
    private static let sampleRows = sampleBatches * batchRows

    init(_ popularity: Popularity) throws {
        // What a log costs is the matter of `durabilitySuite`.
        fixture = try .hot(rows: benchmarkRows, durability: .none)
        flat = FlatRows(count: benchmarkRows)
        plain = FlatTable(count: benchmarkRows)
        requests = Requests(popularity, rows: benchmarkRows)
    }

    func measurePull(_ benchmark: Benchmark) throws {
        let sample = requests.take(Self.sampleBatches)
        let gather = clock.measure {
            for batch in sample { flat.gather(batch.positions, into: buffer.floats) }
        }
        let lookup = clock.measure {
            for batch in sample { plain.pull(batch.ids, into: buffer.floats) }
        }
        let output = buffer.output
        let pull = try clock.measure {
            for batch in sample {
                let missing = try batch.ids.withUnsafeBytes {
                    try fixture.table.pullHot($0, create: true, into: output)
                }
                precondition(missing.isEmpty, "\(missing.count) rows have left memory")
            }
        }
        benchmark.record(
            pull, rows: Self.sampleRows,
            beside: [(.shareOfGather, gather), (.shareOfLookup, lookup)])
    }

    func measurePush(_ benchmark: Benchmark) throws {
        let sample = requests.take(Self.sampleBatches)
        let gather = clock.measure {
            for batch in sample { flat.gather(batch.positions, into: buffer.floats) }
        }
        let step = clock.measure {
            for batch in sample { flat.step(batch.positions, gradients: gradients.floats) }
        }
        let push = try clock.measure {
            for batch in sample {
                let commit = try batch.ids.withUnsafeBytes {
                    try fixture.table.pushHot($0, gradients: gradients.gradients)
                }
                precondition(commit != nil, "rows have left memory")
            }
        }
        benchmark.record(
            push, rows: Self.sampleRows,
            beside: [(.shareOfGather, gather), (.shareOfSteps, step)])
    }
}
