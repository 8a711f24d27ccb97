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
    /// Rows that were read because they had been announced.
    private(set) var readAhead = 0

    /// Such that the rows take 8 MiB, where that is possible: more than the least memory that a store
    /// can have, less than what it takes in huge pages; and the index weighs little beside large rows.
    private static func dimension(capacity: Int) -> Int {
        min(TableSchema.dimensionRange.upperBound, max(16, (8 << 20) / 4 / capacity))
    }

    /// Rows that it can be asked to hold at the least.
    static let capacityMin = 256

    /// - Parameter announced: so many pulls ahead their ids are announced.
    init(_ stream: IDStream, capacity: Int, announced: Int = 0) throws {
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
        /// Hands the ids of a pull on in parts, after room was made for them.
        func inParts(_ pull: Int, _ body: ([UInt64]) throws -> Void) throws {
            var start = pull == 0 ? 0 : stream.ends[pull - 1]
            while start < stream.ends[pull] {
                let ids = stream.ids[start..<min(start + pullMax, stream.ends[pull])]
                try store.demote(unlessRoomFor: ids.count * rowBytes + growthBytes)
                try body(ids.map { UInt64($0) })
                start = ids.endIndex
                rowsMax = max(rowsMax, table.statistics().hot.rows)
            }
        }
        let announcer = store.announcer()
        var next = 0
        for pull in stream.ends.indices {
            // The ids of a pull that is at hand are asked for at once.
            next = max(next, pull + 1)
            while next < min(pull + 1 + announced, stream.ends.count) {
                try inParts(next) { _ = try table.prefetch($0, by: announcer) }
                next += 1
            }
            try inParts(pull) { _ = try table.pull($0) }
        }
        let figures = table.statistics()
        hits = figures.hits
        readAhead = figures.announced.readAhead
    }
}
