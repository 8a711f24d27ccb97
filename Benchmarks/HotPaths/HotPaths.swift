import EmbeddingStore
import EmbeddingWire
import Foundation
import NIOCore

/// What every request passes through, for `tools/instruction-counts`: callgrind counts within
/// `counted_path`, below, what the path named on the command line does with all rows once.
///
/// Rows are fewer than in a benchmark: instructions do not depend on what is in a cache.
@main struct HotPaths {
    static let batchRows = 4096
    static let batches = 8
    static let dimension = 16

    /// The ids of each request: all rows, once, spread over 64 bits.
    private let requests = (0..<batches).map { batch in
        (0..<batchRows).map { UInt64(batch * batchRows + $0 + 1) &* 0x9E37_79B9_7F4A_7C15 }
    }
    private let gradients = [Float](repeating: 0.01, count: batchRows * dimension)
    private let store: Store

    static func main() throws {
        let folder = NSTemporaryDirectory() + "thermocline-hot-paths-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        // What a log takes depends on when its thread has its turns.
        let paths = HotPaths(
            store: try Store(
                path: folder, options: .init(memoryBytes: 64 << 20, durability: .none)))
        switch CommandLine.arguments.dropFirst() {
        case ["pull"]: try paths.pull(paths.table(paths.rowwise))
        case ["pull-int16"]: try paths.pull(paths.table(paths.rowwise, hot: .int16))
        case ["push-sgd"]: try paths.push(paths.table(.sgd(learningRate: 0.05)))
        case ["push-rowwise-adagrad"]: try paths.push(paths.table(paths.rowwise))
        case ["push-rowwise-adagrad-int16"]:
            try paths.push(paths.table(paths.rowwise, hot: .int16))
        case ["push-adagrad"]:
            try paths.push(
                paths.table(
                    .adagrad(learningRate: 0.05, initialAccumulator: 0, epsilon: 1e-10)))
        case ["decode-push"]: try paths.decodePush()
        default: fatalError("usage: HotPaths PATH")
        }
        try paths.store.close()
    }

    private var rowwise: EmbeddingStore.Optimizer {
        .rowwiseAdagrad(learningRate: 0.05, initialAccumulator: 0, epsilon: 1e-10)
    }

    /// A table that has all rows in memory.
    private func table(
        _ optimizer: EmbeddingStore.Optimizer, hot: EmbeddingStore.Precision = .float32
    ) throws -> Table {
        let table = try store.createTable(
            named: "rows",
            TableSchema(
                dimension: Self.dimension, optimizer: optimizer, hotPrecision: hot))
        for ids in requests { _ = try table.pull(ids) }
        return table
    }

    /// Counts what `body` does with each request, once what is done only once has been done.
    private func count(_ body: ([UInt64]) throws -> Void) throws {
        try body(requests[0])
        for ids in requests { try counted { try body(ids) } }
    }

    private func pull(_ table: Table) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: 4 * gradients.count, alignment: 64)
        defer { buffer.deallocate() }
        let output = RowOutput(
            buffer, format: .float32, rows: Self.batchRows, dimension: Self.dimension)
        try count { ids in
            let missing = try ids.withUnsafeBytes {
                try table.pullHot($0, create: false, into: output)
            }
            precondition(missing.isEmpty, "a row has left memory")
        }
    }

    private func push(_ table: Table) throws {
        try count { ids in
            let commit = try ids.withUnsafeBytes { ids in
                try gradients.withUnsafeBufferPointer { try table.pushHot(ids, gradients: $0) }
            }
            precondition(commit != nil, "a row has left memory")
        }
    }

    private func decodePush() throws {
        let limits = Limits(frameBytesMax: 64 << 20, idsMax: 1 << 20, requestsInFlightMax: 1024)
        let frame = RequestEncoder().push(
            table: 1, dimension: Self.dimension, ids: requests[0], gradients: gradients)
        try count { _ in
            var stream = frame
            var decoder = FrameDecoder(frameBytesMax: limits.frameBytesMax)
            // A whole frame is there.
            _ = try Request(decoder.decode(buffer: &stream)!, limits: limits, granted: .all)
        }
    }
}

/// Under a name that says nothing of Swift; the compiler makes one of the same name for each closure.
@_silgen_name("counted_path") @inline(never)
func counted(_ body: () throws -> Void) rethrows { try body() }
