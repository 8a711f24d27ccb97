import Foundation
import Testing

@testable import EmbeddingStore

@Suite struct StoreTests {
    private let ids = Array(0..<3000 as Range<UInt64>)
    private var rows: [Float] { FaultyStore.rows(ids.count) }

    private func temporaryPath() -> String {
        NSTemporaryDirectory() + "thermocline-\(UUID().uuidString)"
    }

    // MARK: checkpoints

    @Test func aCheckpointOpensAsAStoreWithTheSameRows() throws {
        // 12,000 rows of 112 bytes are more than fits: some are on disk, some in memory only.
        let temporary = try TemporaryStore(memoryBytes: 1 << 20)
        let table = try temporary.store.createTable(named: "t", .exact(dimension: 24))
        let all = Array(0..<12_000 as Range<UInt64>)
        for start in stride(from: 0, to: 12_000, by: 1000) {
            let batch = Array(all[start..<start + 1000])
            try table.assign(batch, batch.flatMap { [Float](repeating: Float($0), count: 24) })
        }
        let empty = try temporary.store.createTable(named: "a/b-c_d.e", .exact(dimension: 1))
        let destination = temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: destination) }
        let report = try temporary.store.checkpoint(to: destination)
        #expect(report.rows == 12_000)
        #expect(report.bytes > 12_000 * 4)

        // What comes later is not in it.
        try table.assign([5], [Float](repeating: -1, count: 24))
        _ = try table.delete([6])
        let copy = try Store(path: destination, options: .init(memoryBytes: 4 << 20))
        defer { try? copy.close() }
        #expect(copy.tables.map(\.name) == [empty.name, "t"])
        let copied = try copy.table(named: "t")
        #expect(copied.schema == table.schema)
        #expect(copied.count == 12_000)
        let copiedRows = try copied.pull(all, create: false)
        expectRows(copiedRows, all.flatMap { [Float](repeating: Float($0), count: 24) })
        // And the copy can be written to without the original seeing it.
        try copied.assign([7], [Float](repeating: -7, count: 24))
        expectAll(try table.pull([7]), are: 7)
    }

    @Test func aCheckpointToAPlaceThatIsTakenLeavesNothingBehind() throws {
        let temporary = try TemporaryStore()
        _ = try temporary.store.createTable(named: "t", .exact(dimension: 4))
        let destination = temporaryPath()
        try FileManager.default.createDirectory(
            atPath: destination, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: destination) }
        let error = #expect(throws: StoreError.self) {
            try temporary.store.checkpoint(to: destination)
        }
        guard case .cannotCreate = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: destination).isEmpty)
        #expect(neighbours(of: destination).isEmpty)
        for path in ["relative/path", "/proc/thermocline/copy"] {
            let error = #expect(throws: StoreError.self) {
                try temporary.store.checkpoint(to: path)
            }
            guard case .cannotCreate = error else {
                Issue.record("\(path): \(String(describing: error))")
                continue
            }
        }
    }

    // MARK: tables

    @Test func aDroppedTableStartsAfresh() throws {
        let temporary = try TemporaryStore()
        let first = try temporary.store.createTable(named: "t", .exact(dimension: 24))
        try first.assign(ids, rows)
        try demoteEverything(of: first)
        try temporary.store.dropTable(first)
        #expect(throws: StoreError.unknownTable("t")) { try temporary.store.table(named: "t") }
        #expect(temporary.store.table(number: first.number) == nil)

        let second = try temporary.store.createTable(named: "t", .exact(dimension: 8))
        #expect(second.number != first.number, "a number is not given twice")
        #expect(second.count == 0)
        expectAll(try second.pull([3], create: false), are: 0)
        try second.assign([3], [Float](repeating: 2, count: 8))
        try temporary.reopen()
        let reopened = try temporary.store.table(named: "t")
        #expect(reopened.schema.dimension == 8)
        #expect(reopened.count == 1)
        expectAll(try reopened.pull([3]), are: 2)
    }

    @Test func aTableThatCouldNotBeCreatedCanBeCreatedLater() throws {
        let faulty = try FaultyStore()
        faulty.cold.fail(.putCatalog)
        #expect(throws: FaultyColdTier.failure) {
            try faulty.store.createTable(named: "t", .exact(dimension: 8))
        }
        #expect(faulty.store.tables.isEmpty)
        faulty.cold.recover()
        let table = try faulty.store.createTable(named: "t", .exact(dimension: 8))
        try table.assign([1], [Float](repeating: 1, count: 8))
        try faulty.store.close()
        try faulty.open()
        expectAll(try faulty.store.table(named: "t").pull([1], create: false), are: 1)
        #expect(faulty.cold.tables.count == 1, "what was cut short is still there")
    }

    @Test func aTableThatExistsIsOpenedOnlyWithTheSameSchema() throws {
        let temporary = try TemporaryStore()
        let table = try temporary.store.createTable(named: "t", .exact(dimension: 8))
        let error = #expect(throws: StoreError.self) {
            try temporary.store.createTable(named: "t", .exact(dimension: 8))
        }
        guard case .tableExists = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        let same = try temporary.store.createTable(
            named: "t", .exact(dimension: 8), opensExisting: true)
        #expect(same.number == table.number)
        var other = TableSchema.exact(dimension: 8)
        other.seed = 1
        #expect(throws: StoreError.tableExists("table 't' exists with another schema")) {
            try temporary.store.createTable(named: "t", other, opensExisting: true)
        }
    }

    // MARK: the folder

    @Test func aFolderHasOneStoreAtATime() throws {
        let temporary = try TemporaryStore()
        for isReadOnly in [false, true] {
            #expect(throws: StoreError.inUse(temporary.path)) {
                try Store(
                    path: temporary.path,
                    options: .init(memoryBytes: 1 << 20, isReadOnly: isReadOnly))
            }
        }
    }

    @Test func aReadOnlyStoreServesAndChangesNothing() throws {
        let temporary = try TemporaryStore()
        let table = try temporary.store.createTable(named: "t", .exact(dimension: 24))
        try table.assign(ids, rows)
        try temporary.reopen(memoryBytes: 1 << 20, readOnly: true)
        let reopened = try temporary.store.table(named: "t")
        let before = FileManager.default.contents(atPath: temporary.path + "/STORE")
        // More than once, so that rows come, go and come again.
        for _ in 0..<3 { expectRows(try reopened.pull(ids, create: false), rows) }
        expectAll(try reopened.pull([1 << 40], create: false), are: 0)
        #expect(reopened.count == 3000)
        let one = [Float](repeating: 1, count: 24)
        #expect(throws: StoreError.readOnly) { try reopened.pull([1]) }
        #expect(throws: StoreError.readOnly) { try reopened.push([1], one) }
        #expect(throws: StoreError.readOnly) { try reopened.assign([1], one) }
        #expect(throws: StoreError.readOnly) { try reopened.delete([1]) }
        #expect(throws: StoreError.readOnly) {
            try temporary.store.createTable(named: "u", .exact(dimension: 1))
        }
        #expect(throws: StoreError.readOnly) { try temporary.store.dropTable(reopened) }
        try temporary.store.close()
        #expect(
            before != nil
                && FileManager.default.contents(atPath: temporary.path + "/STORE") == before)
        try temporary.reopen()
        expectRows(try temporary.store.table(named: "t").pull(ids, create: false), rows)
    }

    /// The files as they are when the process dies: a copy of the folder while the store is open
    /// and has gone on.
    @Test(arguments: Durability.allCases)
    func theFilesOfAStoreThatDiedOpenAndAreCounted(durability: Durability) throws {
        let temporary = try TemporaryStore(demotesInBackground: false, durability: durability)
        let table = try temporary.store.createTable(named: "t", .exact(dimension: 24))
        try table.assign(ids, rows)
        let checkpoint = temporaryPath()
        let dead = temporaryPath()
        defer {
            try? FileManager.default.removeItem(atPath: checkpoint)
            try? FileManager.default.removeItem(atPath: dead)
        }
        _ = try temporary.store.checkpoint(to: checkpoint)
        // Without durability later writes that are not on disk are lost, but nothing else.
        try table.assign([1 << 50], [Float](repeating: 1, count: 24))
        try FileManager.default.copyItem(atPath: temporary.path, toPath: dead)

        let survivor = try Store(path: dead, options: .init(memoryBytes: 4 << 20))
        defer { try? survivor.close() }
        let survived = try survivor.table(named: "t")
        let later = durability == .none ? 0 : 1
        #expect(survived.count == 3000 + later)
        expectRows(try survived.pull(ids, create: false), rows)
        #expect(try survived.contains([1 << 50]) == [later == 1])
        #expect(try survived.delete(ids) == 3000)
        #expect(survived.count == later)
    }
}
