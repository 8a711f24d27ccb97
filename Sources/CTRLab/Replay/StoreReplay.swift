internal import EmbeddingStore
internal import Foundation

/// The ids of a stream, asked of a store that has memory for so many rows: its code as it is, a table
/// in a folder that goes again, and its own counters of hits.
///
/// Rows are moved to disk before a pull that might find memory at the mark from which on the background
/// thread does it, so that nothing depends on that thread's turns.
struct StoreReplay {
    /// The most rows that were in memory at any time.
    private(set) var rowsMax = 0
    private(set) var hits = 0

    /// Such that the rows take 8 MiB, where that is possible: more than the least memory that a store
    /// can have, less than what it takes in huge pages; and the index weighs little beside large rows.
    private static func dimension(capacity: Int) -> Int {
        min(TableSchema.dimensionRange.upperBound, max(16, (8 << 20) / 4 / capacity))
    }

    /// Rows that it can be asked to hold at the least.
    static let capacityMin = 256

    init(_ stream: IDStream, capacity: Int) throws {
        precondition(capacity >= Self.capacityMin)
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "thermocline-replay-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let schema = TableSchema(
            dimension: Self.dimension(capacity: capacity), optimizer: .sgd(learningRate: 0.1),
            initializer: .zeros, coldPrecision: .int8)
        // Key, meta and row; and the index, which takes 7 bytes a row at most.
        let rowBytes = 12 + 4 * schema.dimension
        // A store fills 15/16 of its memory.
        var options = Store.Options(
            memoryBytes: capacity * (rowBytes + 7) / 15 * 16, shardCount: 1, durability: .none)
        options.demotesInBackground = false
        let store = try Store(path: folder.path, options: options)
        defer { try? store.close() }
        let table = try store.createTable(named: "replay", schema)
        let pullMax = max(1, capacity / 64)
        // A page; and the index grows by half at once.
        let growthBytes = 4096 + 3 * capacity
        var start = 0
        for end in stream.ends {
            while start < end {
                let ids = stream.ids[start..<min(start + pullMax, end)]
                try store.demote(unlessRoomFor: ids.count * rowBytes + growthBytes)
                _ = try table.pull(ids.map { UInt64($0) })
                start = ids.endIndex
                rowsMax = max(rowsMax, table.statistics().hot.rows)
            }
        }
        hits = table.statistics().hits
    }
}
