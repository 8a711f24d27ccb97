import Foundation
import Testing

@testable import EmbeddingStore

/// Copies of a store that goes on meanwhile.
@Suite struct CheckpointTests {
    /// Every push adds one to all rows of two tables' worth of shards, so that a copy whose rows
    /// disagree is of no one instant; and it has what was acknowledged before it began.
    @Test(arguments: [Durability.none, .buffered])
    func aCheckpointIsOfOneInstant(durability: Durability) throws {
        let temporary = try TemporaryStore(
            memoryBytes: 2 << 20, durability: durability, logBytesMax: 32 << 20)
        let store = temporary.store
        let table = try store.createTable(named: "t", .exact(dimension: 16))
        let other = try store.createTable(named: "other", .exact(dimension: 16))
        let ids = Array(0..<3000 as Range<UInt64>)
        let gradients = [Float](repeating: -1, count: ids.count * 16)
        let box = PushCount()
        let pusher = BlockingTask {
            while !box.isStopped {
                try table.push(ids, gradients)
                box.add()
                // Rows that push those of `t` out of memory.
                let first = UInt64(box.count) * 2000
                _ = try other.pull(Array(first..<first + 2000))
            }
        }
        var paths: [String] = []
        defer { paths.forEach { try? FileManager.default.removeItem(atPath: $0) } }
        for number in 0..<5 {
            let path = temporary.path + "-checkpoint-\(number)"
            paths.append(path)
            let before = box.count
            let report = try store.checkpoint(to: path)
            let after = box.count
            let copy = try Store(
                path: path, options: .init(memoryBytes: 1 << 20, isReadOnly: true))
            let rows = try copy.table(named: "t").pull(ids, create: false)
            expectAll(rows, are: rows[0], "all rows are of one instant")
            #expect((before...after + 1).contains(Int(rows[0])))
            #expect(report.rows == copy.tables.reduce(0) { $0 + $1.count })
            try copy.close()
        }
        box.stop()
        try pusher.value()
        #expect(box.count > 5)
        expectAll(try table.pull(ids), are: Float(box.count))
    }

    private final class PushCount: @unchecked Sendable {
        private let lock = NSLock()
        private var pushes = 0
        private var stopped = false
        var count: Int { lock.withLock { pushes } }
        var isStopped: Bool { lock.withLock { stopped } }
        func add() { lock.withLock { pushes += 1 } }
        func stop() { lock.withLock { stopped = true } }
    }

    /// Rows that were in memory are there again after a restart, and after opening a checkpoint.
    @Test func hotRowsAreRestoredByFrequency() throws {
        let temporary = try TemporaryStore(memoryBytes: 1 << 20)
        let table = try temporary.store.createTable(named: "t", .exact(dimension: 124))
        let ids = Array(0..<10_000 as Range<UInt64>)
        for start in stride(from: 0, to: ids.count, by: 500) {
            _ = try table.pull(Array(ids[start..<start + 500]))
        }
        let favourites = Array(3000..<3800 as Range<UInt64>)
        for _ in 0..<8 { _ = try table.pull(favourites) }
        let path = temporary.path + "-checkpoint"
        defer { try? FileManager.default.removeItem(atPath: path) }
        _ = try temporary.store.checkpoint(to: path)
        try temporary.store.close()
        for folder in [temporary.path, path] {
            let restored = DispatchSemaphore(value: 0)
            var options = Store.Options(memoryBytes: 1 << 20, shardCount: 4)
            options.onEvent = { if case .restored = $0 { restored.signal() } }
            let store = try Store(path: folder, options: options)
            defer { try? store.close() }
            #expect(restored.wait(timeout: .now() + 60) == .success)
            let reopened = try store.table(named: "t")
            let before = reopened.statistics()
            _ = try reopened.pull(favourites)
            let hits = reopened.statistics().hits - before.hits
            #expect(hits >= 780, "\(hits) of 800 favourites were in memory")
            #expect(store.statistics().hotBytes <= 1 << 20)
        }
    }

    /// A list that is damaged is no reason not to start.
    @Test func aDamagedHotListIsLeftOut() throws {
        let temporary = try TemporaryStore()
        _ = try temporary.store.createTable(named: "t", .exact(dimension: 4)).pull(Array(0..<100))
        try temporary.store.close()
        let file = HotList.path(inFolder: temporary.path)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        #expect(HotList(inFolder: temporary.path).tables[1]?.count == 100)
        bytes[40] ^= 1
        try bytes.write(to: URL(fileURLWithPath: file))
        #expect((HotList(inFolder: temporary.path).tables[1]?.count ?? 0) < 100)
        try temporary.reopen()
        #expect(try temporary.store.table(named: "t").count == 100)
    }
}
