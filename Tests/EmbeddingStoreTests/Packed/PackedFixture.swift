import Foundation

@testable import EmbeddingStore

/// A folder in which stores are made and packed, gone with the test.
final class PackedFixture {
    private let folder = NSTemporaryDirectory() + "thermocline-\(UUID().uuidString)"
    private var stores = 0

    init() throws {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    var file: String { "\(folder)/packed" }

    func ids(_ count: Int) -> [UInt64] {
        var random = SeededGenerator(seed: 1)
        return (0..<count).map { _ in random.next() }
    }

    func values(_ count: Int, dimension: Int) -> [Float] {
        var random = SeededGenerator(seed: 2)
        return (0..<count * dimension).map { _ in .random(in: -2...2, using: &random) }
    }

    /// The folder of a store with a table `t`, closed.
    func store(_ schema: TableSchema, _ body: (Table) throws -> Void) throws -> String {
        stores += 1
        let path = "\(folder)/store-\(stores)"
        let store = try Store(path: path, options: .init(memoryBytes: 32 << 20))
        try body(try store.createTable(named: "t", schema))
        try store.close()
        return path
    }

    func pack(
        _ store: String, precision: Precision = .int16, frequentShare: Double = 0.1
    ) throws -> (PackedTable, PackedWriter.Summary) {
        let writer = try PackedWriter(path: file)
        let summary = try writer.add(
            try OfflineStore(path: store).table(named: "t"), precision: precision,
            frequentShare: frequentShare)
        let bytes = try writer.finish()
        let packed = try PackedStore(path: file)
        precondition(packed.byteCount == bytes)
        return (try packed.table(named: "t"), summary)
    }

    /// Packs a table with these rows.
    func pack(
        dimension: Int, _ ids: [UInt64], _ values: [Float], initializer: Initializer = .zeros,
        precision: Precision = .int16, frequentShare: Double = 0.1,
        frequencies: (Int) -> UInt16 = { _ in 1 }
    ) throws -> (PackedTable, PackedWriter.Summary) {
        stores += 1
        let path = "\(folder)/store-\(stores)"
        let store = try StoreWriter(destination: path)
        let table = try store.createTable(
            named: "t",
            TableSchema(dimension: dimension, initializer: initializer, coldPrecision: .float32))
        for (at, id) in ids.enumerated() {
            try table.append(
                key: id, values: Array(values[at * dimension..<(at + 1) * dimension]),
                frequency: frequencies(at))
        }
        _ = try store.finish()
        return try pack(path, precision: precision, frequentShare: frequentShare)
    }
}

extension PackedTable {
    /// Rows of ids, and which are there.
    func read(_ ids: [UInt64], create: Bool = false) throws -> (rows: [Float], found: [Bool]) {
        var rows = [Float](repeating: .nan, count: ids.count * schema.dimension)
        var bits = [UInt8](repeating: 0, count: (ids.count + 7) / 8)
        try ids.withBytes { (ids) throws(StoreError) in
            try rows.withMutableBytes { (bytes) throws(StoreError) in
                try bits.withMutableBytes { (bits) throws(StoreError) in
                    let output = RowOutput(
                        bytes, format: .float32, rows: ids.count / 8, dimension: schema.dimension)
                    let found = FoundBits(bits)
                    let missing = try pullHot(ids, create: create, into: output, found: found)
                    if !missing.isEmpty {
                        try pullCold(
                            ids, missing: missing, create: create, into: output, found: found)
                    }
                }
            }
        }
        return (rows, ids.indices.map { bits[$0 / 8] >> UInt8($0 % 8) & 1 == 1 })
    }
}
