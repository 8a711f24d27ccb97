import Benchmark
import EmbeddingStore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension BenchmarkMetric {
    fileprivate static var shareOfMultiGet: BenchmarkMetric {
        .custom("Rate of MultiGet (%)", polarity: .prefersLarger, useScalingFactor: false)
    }

    fileprivate static var shareOfHot: BenchmarkMetric {
        .custom("Rate of all hot (%)", polarity: .prefersLarger, useScalingFactor: false)
    }

    /// Rows that were read from disk, in percent: what the figures beside it are about.
    fileprivate static var misses: BenchmarkMetric {
        .custom("Rows from disk (%)", polarity: .prefersSmaller, useScalingFactor: false)
    }
}

/// Pull of rows that are on disk, promotion and demotion of others included; the files are in the
/// system's page cache.
func coldSuite() {
    Benchmark.add(
        "cold pull, \(batchRows) rows of \(coldRows), all on disk",
        metrics: [.timePerRow, .shareOfMultiGet, .misses], maxDuration: .seconds(10)
    ) {
        try AllCold()
    } takeDown: {
        try $0.table.fixture.remove()
        try $0.rocksDB.remove()
    } measure: { benchmark, cold in
        try cold.measure(benchmark)
    }
    Benchmark.add(
        "cold pull, \(batchRows) rows of \(coldRows), Zipf 1.05, 10 % in memory",
        metrics: [.timePerRow, .shareOfHot, .misses], maxDuration: .seconds(10)
    ) {
        try TenthHot()
    } takeDown: {
        try $0.table.fixture.remove()
        try $0.hot.remove()
    } measure: { benchmark, tiers in
        try tiers.measure(benchmark)
    }
}

/// A quarter of the other suites' rows: most of the time goes into making them. In memory they
/// would still be more than the last-level cache, and a read from disk is no question of caches.
private let coldRows = max(benchmarkRows / 4, sampleRows)
/// Bytes of a row in memory with its part of the index.
private let hotRowBytes = 88
/// Requests in one measurement.
private let sampleBatches = 16
private let sampleRows = sampleBatches * batchRows

/// A table of which a part fits in memory.
private struct TieredTable {
    let fixture: TableFixture
    private let buffer = RowBuffer()

    init(memoryBytes: Int) throws {
        fixture = try TableFixture(rows: coldRows, memoryBytes: memoryBytes)
    }

    /// Waits for the compactions of what was written so far: until the process is idle.
    static func settle() {
        let interval: clock_t = 500_000  // microseconds, as POSIX has CLOCKS_PER_SEC
        var before = clock()
        repeat {
            before = clock()
            usleep(useconds_t(interval))
        } while clock() - before > interval / 20
    }

    /// Pulls rows wherever they are, and returns how many came from disk.
    func pull(_ batch: Batch) throws -> Int {
        try batch.ids.withUnsafeBytes { ids in
            let missing = try fixture.table.pullHot(ids, create: false, into: buffer.output)
            if !missing.isEmpty {
                try fixture.table.pullCold(
                    ids, missing: missing, create: false, into: buffer.output)
            }
            return missing.count
        }
    }

    func measure(_ batches: [Batch], _ benchmark: Benchmark) throws -> Duration {
        var misses = 0
        let elapsed = try ContinuousClock().measure {
            for batch in batches { misses += try pull(batch) }
        }
        benchmark.record(elapsed, rows: sampleRows, beside: [])
        benchmark.measurement(.misses, 100 * misses / sampleRows)
        return elapsed
    }
}

/// Rows are asked for in turn, so that what is in memory is never what is asked for.
private final class AllCold {
    let table: TieredTable
    let rocksDB: DefaultRocksDB
    private var requests: Requests

    init() throws {
        rocksDB = DefaultRocksDB(rows: coldRows)
        table = try TieredTable(memoryBytes: 16 << 20)
        requests = Requests(.inTurn, rows: coldRows, batchCount: coldRows / batchRows)
        // A round: rows that were made in memory reach the disk, and all are read once; the first
        // reads after a load are many times slower than the rest.
        for batch in requests.take(coldRows / batchRows) {
            _ = try table.pull(batch)
            _ = rocksDB.read(batch.ids)
        }
        TieredTable.settle()
    }

    func measure(_ benchmark: Benchmark) throws {
        let sample = requests.take(sampleBatches)
        let multiGet = ContinuousClock().measure {
            for batch in sample { blackHole(rocksDB.read(batch.ids)) }
        }
        let elapsed = try table.measure(sample, benchmark)
        benchmark.measurement(.shareOfMultiGet, Int(100 * (multiGet / elapsed)))
    }
}

/// The same requests to a table of which a tenth fits in memory, and to one that is all there.
private final class TenthHot {
    let table: TieredTable
    let hot: TableFixture
    private var requests: Requests
    private let buffer = RowBuffer()

    init() throws {
        table = try TieredTable(memoryBytes: max(coldRows * hotRowBytes / 10, 4 << 20))
        hot = try .hot(rows: coldRows)
        requests = Requests(.zipf(exponent: 1.05), rows: coldRows, batchCount: 1024)
        // Until the rows that are used often have come to memory.
        for batch in requests.take(1024) { _ = try table.pull(batch) }
        TieredTable.settle()
    }

    func measure(_ benchmark: Benchmark) throws {
        let sample = requests.take(sampleBatches)
        let output = buffer.output
        let allHot = try ContinuousClock().measure {
            for batch in sample {
                let missing = try batch.ids.withUnsafeBytes {
                    try hot.table.pullHot($0, create: false, into: output)
                }
                precondition(missing.isEmpty, "rows have left memory")
            }
        }
        let elapsed = try table.measure(sample, benchmark)
        benchmark.measurement(.shareOfHot, Int(100 * (allHot / elapsed)))
    }
}
