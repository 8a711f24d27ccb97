import Benchmark
import EmbeddingStore
import Foundation

extension BenchmarkMetric {
    /// The rate in percent of the same pull from a table in memory, float32.
    fileprivate static var shareOfTable: BenchmarkMetric {
        .custom("Rate of table in memory (%)", polarity: .prefersLarger, useScalingFactor: false)
    }
}

/// Pull from a packed file, int16 rows, beside the loops over flat rows and the table that it was made
/// of. The file is in the system's page cache.
func packedSuite() {
    for (share, what) in [(1.0, "all as they are"), (0.0, "all in blocks")] {
        Benchmark.add(
            "packed pull, \(batchRows) rows of \(packedRows), uniform, \(what)",
            metrics: [.timePerRow, .shareOfLookup, .shareOfTable], maxDuration: .seconds(5)
        ) {
            try PackedRowsOfTable(frequentShare: share)
        } takeDown: {
            try $0.remove()
        } measure: { benchmark, packed in
            try packed.measure(benchmark)
        }
    }
}

/// A quarter of the other suites' rows: they are written to disk twice.
private let packedRows = benchmarkRows / 4
private let sampleBatches = 16

private final class PackedRowsOfTable {
    private let fixture: TableFixture
    private let packed: PackedTable
    private let file: String
    private let plain = FlatTable(count: packedRows)
    private var requests = Requests(.uniform, rows: packedRows)
    private let buffer = RowBuffer()

    init(frequentShare: Double) throws {
        fixture = try .hot(rows: packedRows)
        let copy = TableFixture.newPath()
        file = copy + ".packed"
        _ = try fixture.store.checkpoint(to: copy)
        defer { try? FileManager.default.removeItem(atPath: copy) }
        let writer = try PackedWriter(path: file)
        _ = try writer.add(
            OfflineStore(path: copy).table(named: fixture.table.name),
            frequentShare: frequentShare)
        _ = try writer.finish()
        packed = try PackedStore(path: file).table(named: fixture.table.name)
        precondition(packed.count == packedRows, "\(packed.count) rows of \(packedRows)")
    }

    func remove() throws {
        try FileManager.default.removeItem(atPath: file)
        try fixture.remove()
    }

    func measure(_ benchmark: Benchmark) throws {
        let sample = requests.take(sampleBatches)
        let clock = ContinuousClock()
        let output = buffer.output
        let lookup = clock.measure {
            for batch in sample { plain.pull(batch.ids, into: buffer.floats) }
        }
        let table = try clock.measure {
            for batch in sample { try fixture.table.pull(batch.ids, into: output) }
        }
        let pull = try clock.measure {
            for batch in sample { try packed.pull(batch.ids, into: output) }
        }
        benchmark.record(
            pull, rows: sampleBatches * batchRows,
            beside: [(.shareOfLookup, lookup), (.shareOfTable, table)])
    }
}
