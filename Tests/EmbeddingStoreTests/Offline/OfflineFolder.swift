import Foundation

@testable import EmbeddingStore

/// A folder for a store and what is made of it, gone when the test is.
final class OfflineFolder {
    let path: String
    var source: String { path + "/source" }
    var result: String { path + "/result" }

    init() throws {
        path = NSTemporaryDirectory() + "thermocline-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// What lies in the folder.
    var names: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }

    /// Every file of the source, with its bytes.
    func sourceFiles() throws -> [String: Data] {
        var files: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: source) {
            let path = "\(source)/\(name)"
            let kind = try FileManager.default.attributesOfItem(atPath: path)[.type]
            guard kind as? FileAttributeType == .typeRegular else { continue }
            files[name] = try Data(contentsOf: URL(fileURLWithPath: path))
        }
        return files
    }

    /// A row to be written.
    struct Row {
        var key: UInt64
        var values: [Float]
        var state: [Float]?
        var frequency: UInt16 = 1
        var lastUse: UInt32 = 0
    }

    /// Makes the source of one table.
    func write(_ rows: [Row], _ schema: TableSchema, table: String = "t") throws {
        let writer = try StoreWriter(destination: source)
        let tableWriter = try writer.createTable(named: table, schema)
        for row in rows {
            try tableWriter.append(
                key: row.key, values: row.values, state: row.state, frequency: row.frequency,
                lastUse: row.lastUse)
        }
        _ = try writer.finish()
    }

    /// All rows of a table of the store in a folder.
    static func rows(_ path: String, table: String = "t") throws -> [StoredRow] {
        var rows: [StoredRow] = []
        try OfflineStore(path: path).table(named: table).scan { rows.append($0) }
        return rows
    }

    /// The rows that the store in a folder serves.
    static func pull(_ path: String, _ ids: [UInt64], table: String = "t") throws -> [Float] {
        let store = try Store(
            path: path, options: .init(memoryBytes: 64 << 20, isReadOnly: true))
        defer { try? store.close() }
        return try store.table(named: table).pull(ids, create: false)
    }
}

extension TableSchema {
    /// float32 everywhere, with one accumulator a row.
    static func offline(
        dimension: Int = 8, cold: Precision = .float32,
        optimizer: Optimizer = .rowwiseAdagrad(
            learningRate: 0.1, initialAccumulator: 0.5, epsilon: 1e-10)
    ) -> TableSchema {
        TableSchema(
            dimension: dimension, optimizer: optimizer, initializer: .zeros,
            hotPrecision: .float32, coldPrecision: cold, seed: 7)
    }
}

/// What a call throws, if that is an error of the store.
func storeError<Result>(_ body: () throws -> Result) -> StoreError? {
    do {
        _ = try body()
        return nil
    } catch {
        return error as? StoreError
    }
}
