import Benchmark
import EmbeddingStore
import Foundation

extension Benchmark {
    /// Registers a benchmark whose state is made when it runs, and taken down after: one that is not
    /// asked for costs nothing.
    static func add<State>(
        _ name: String, metrics: [BenchmarkMetric], maxDuration: Duration = .seconds(3),
        setUp: @escaping () async throws -> State,
        takeDown: @escaping (State) async throws -> Void = { _ in },
        measure: @escaping (Benchmark, State) async throws -> Void
    ) {
        var configuration = Benchmark.defaultConfiguration
        configuration.metrics = metrics
        configuration.units = Dictionary(uniqueKeysWithValues: metrics.map { ($0, .count) })
        configuration.maxDuration = maxDuration
        var state: State?
        Benchmark(name, configuration: configuration) { benchmark in
            try await measure(benchmark, state!)  // set up before, or this is not called
        } setup: {
            state = try await setUp()
        } teardown: {
            guard let made = state else { return }
            state = nil
            try await takeDown(made)
        }
    }
}

/// A store in a temporary folder with one table: unless a schema is given, of `rows` rows of 16
/// floats with row-wise Adagrad, float32 in memory and int16 on disk.
struct TableFixture: Sendable {
    let folder: String
    let store: Store
    let table: Table

    /// Without rows.
    init(memoryBytes: Int, durability: Durability, _ schema: TableSchema) throws {
        folder = Self.newPath()
        store = try Store(
            path: folder, options: .init(memoryBytes: memoryBytes, durability: durability))
        table = try store.createTable(named: "rows", schema)
    }

    /// Makes the rows. Those that do not fit in `memoryBytes` are moved to disk on the way.
    init(rows: Int, memoryBytes: Int, durability: Durability = .buffered) throws {
        let schema = TableSchema(
            dimension: rowFloats,
            optimizer: .rowwiseAdagrad(
                learningRate: 0.05, initialAccumulator: 0, epsilon: 1e-10))
        try self.init(memoryBytes: memoryBytes, durability: durability, schema)
        for start in stride(from: 0, to: rows, by: batchRows) {
            let end = min(start + batchRows, rows)
            _ = try table.pull((start..<end).map { id(ofRow: $0) })
        }
        precondition(table.count == rows, "\(table.count) rows of \(rows)")
    }

    /// One whose rows are all in memory.
    static func hot(rows: Int, durability: Durability = .buffered) throws -> TableFixture {
        let fixture = try TableFixture(
            rows: rows, memoryBytes: memoryBytes(forHot: rows), durability: durability)
        precondition(fixture.table.statistics().hot.rows == rows, "rows have left memory")
        return fixture
    }

    /// A row takes less than 96 bytes, and the slabs grow by huge pages.
    static func memoryBytes(forHot rows: Int) -> Int { rows * 112 + (256 << 20) }

    static func newPath() -> String {
        NSTemporaryDirectory() + "thermocline-benchmark-\(UUID().uuidString)"
    }

    /// The table is dropped, so that closing writes no rows.
    func remove() throws {
        try store.dropTable(table)
        try store.close()
        try FileManager.default.removeItem(atPath: folder)
    }
}

/// Where the rows of a request go.
struct RowBuffer: @unchecked Sendable {  // used by one measurement at a time
    let floats: UnsafeMutablePointer<Float>

    /// Memory that a benchmark's process keeps to its end.
    init() {
        floats = .allocate(capacity: batchRows * rowFloats)
        floats.initialize(repeating: 0.01, count: batchRows * rowFloats)
    }

    var output: RowOutput {
        RowOutput(
            UnsafeMutableRawBufferPointer(
                start: floats, count: batchRows * rowFloats * MemoryLayout<Float>.size),
            format: .float32, rows: batchRows, dimension: rowFloats)
    }

    var gradients: UnsafeBufferPointer<Float> {
        UnsafeBufferPointer(start: floats, count: batchRows * rowFloats)
    }
}

extension ReadableTable {
    /// Writes the rows of `ids` wherever they are.
    func pull(_ ids: [UInt64], into output: RowOutput) throws {
        try ids.withUnsafeBytes { ids in
            let missing = try pullHot(ids, create: false, into: output, found: nil)
            if missing.isEmpty { return }
            try pullCold(ids, missing: missing, create: false, into: output, found: nil)
        }
    }
}

extension Table {
    /// Takes a step with the gradients wherever the rows are.
    func push(_ ids: [UInt64], gradients: UnsafeBufferPointer<Float>) throws -> Commit {
        try ids.withUnsafeBytes { ids in
            try pushHot(ids, gradients: gradients) ?? pushCold(ids, gradients: gradients)
        }
    }
}
