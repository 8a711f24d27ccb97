import Foundation

@testable import EmbeddingStore

/// A sound store with several tables that was closed, and copies of it in which one file is damaged.
final class DamagedStore {
    /// A table with the rows that it must have.
    struct Expected {
        var ids: [UInt64]
        var rows: [Float]
    }

    let original: String
    private(set) var tables: [String: Expected] = [:]

    /// - Parameter isClean: whether it was closed in good order; if not, nothing is known about its
    ///   files but what they say themselves.
    init(isClean: Bool = true) throws {
        original = NSTemporaryDirectory() + "thermocline-\(UUID().uuidString)"
        // One shard, so that many rows are one file that is ingested.
        var options = Store.Options(memoryBytes: 64 << 20, shardCount: 1)
        options.demotesInBackground = false
        let store = try Store(path: original, options: options)
        let many = try store.createTable(
            named: "many",
            TableSchema(
                dimension: 8,
                optimizer: .rowwiseAdagrad(
                    learningRate: 0.1, initialAccumulator: 0, epsilon: 1e-10),
                initializer: .uniform(low: -1, high: 1), hotPrecision: .float32,
                coldPrecision: .int16, seed: 1))
        try fill(many, Array(0..<5000))
        let wide = try store.createTable(named: "wide", .exact(dimension: 32))
        try fill(wide, (0..<800).map { $0 &* 0x9E37_79B9_7F4A_7C15 })
        let few = try store.createTable(
            named: "few",
            TableSchema(
                dimension: 4,
                optimizer: .adam(
                    learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8),
                initializer: .normal(mean: 0, deviation: 1), hotPrecision: .int16,
                coldPrecision: .int8, seed: 3))
        // Two files one on top of the other: the second has newer rows and deletions.
        try fill(few, Array(0..<900))
        try store.close()
        let again = try Store(path: original, options: options)
        let second = try again.table(named: "few")
        _ = try second.delete(Array(850..<900))
        try fill(second, Array(400..<600))
        try again.close()
        // What a reader sees, which decodes cold rows.
        let sound = try Store(
            path: original, options: .init(memoryBytes: 64 << 20, isReadOnly: true))
        for (name, count) in [("many", 5000), ("wide", 800), ("few", 850)] {
            let table = try sound.table(named: name)
            guard table.count == count else { throw StoreError.damaged("\(name): \(table.count)") }
            let ids = (0..<UInt64(count)).map { name == "wide" ? $0 &* 0x9E37_79B9_7F4A_7C15 : $0 }
            tables[name] = Expected(ids: ids, rows: try table.pull(ids, create: false))
        }
        try sound.close()
        if !isClean {
            let directory = try DataDirectory(path: original, readOnly: false)
            var state = try directory.readState()
            state.isClean = false
            try directory.writeState(state)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: original) }

    /// Rows in cold precision, on disk.
    private func fill(_ table: Table, _ ids: [UInt64]) throws {
        let gradients = (0..<ids.count * table.schema.dimension).map { Float($0 % 7) - 3 }
        _ = try table.pull(ids)
        try table.push(ids, gradients)
        try demoteEverything(of: table)
    }

    /// Files that say something about rows, with the folder's name before them.
    func files() throws -> [String] {
        let cold = try FileManager.default.contentsOfDirectory(atPath: original + "/cold")
        return ["STORE"]
            + cold.filter { !$0.hasPrefix("LOG") && $0 != "LOCK" }.sorted().map { "cold/\($0)" }
    }

    func bytes(of file: String) throws -> [UInt8] {
        try Array(Data(contentsOf: URL(fileURLWithPath: "\(original)/\(file)")))
    }

    /// Calls `body` with the folder of a copy in which `file` has other bytes, or, with nil, is not.
    func withCopy(_ file: String, _ bytes: [UInt8]?, _ body: (String) throws -> Void) throws {
        let copy = NSTemporaryDirectory() + "thermocline-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: copy) }
        try FileManager.default.createDirectory(
            atPath: copy + "/cold", withIntermediateDirectories: true)
        for name in try files() where name != file {
            // Only the damaged file differs, and none is written in place.
            try FileManager.default.linkItem(
                atPath: "\(original)/\(name)", toPath: "\(copy)/\(name)")
        }
        if let bytes { try Data(bytes).write(to: URL(fileURLWithPath: "\(copy)/\(file)")) }
        try body(copy)
    }
}
