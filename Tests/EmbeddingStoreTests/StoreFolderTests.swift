import Foundation
import Testing

@testable import EmbeddingStore

/// What a store does with folders: its own, and those of checkpoints.
@Suite struct StoreFolderTests {
    /// Of many at once one makes the checkpoint, whole; the others are told that it is there.
    @Test func checkpointsToOnePlaceDoNotMeet() async throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        let table = try store.createTable(named: "t", .exact(dimension: 4))
        _ = try table.pull(Array(0..<1000))
        let destination = temporary.path + "-checkpoint"
        defer { try? FileManager.default.removeItem(atPath: destination) }
        // Somebody else's, which only looks like ours.
        let foreign = destination + ".partial"
        try FileManager.default.createDirectory(atPath: foreign, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: foreign) }

        let made = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<4 {
                group.addTask { (try? store.checkpoint(to: destination)) != nil }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(made == 1)
        #expect(FileManager.default.fileExists(atPath: foreign))
        let copy = try Store(path: destination, options: .init(memoryBytes: 1 << 20))
        #expect(try copy.table(named: "t").count == 1000)
        try copy.close()
    }

    /// Opening changes files of the cold tier before anything else is written.
    @Test func aStartThatIsKilledAtOnceIsNoDamage() throws {
        let path = NSTemporaryDirectory() + "thermocline-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let store = try Store(path: path, options: .init(memoryBytes: 1 << 20))
        try store.createTable(named: "t", .exact(dimension: 4)).assign([1], [1, 2, 3, 4])
        try store.close()
        do {
            let directory = try DataDirectory(path: path, readOnly: false)
            try Store.openCold(in: directory, readOnly: false).0.close()
        }
        let again = try Store(path: path, options: .init(memoryBytes: 1 << 20))
        defer { try? again.close() }
        expectRows(try again.table(named: "t").pull([1], create: false), [1, 2, 3, 4])
        #expect(try again.table(named: "t").count == 1)
    }

    @Test func aFileIsNoStore() throws {
        let path = NSTemporaryDirectory() + "thermocline-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data([1]).write(to: URL(filePath: path))
        for isReadOnly in [false, true] {
            #expect(throws: StoreError.badDataDirectory("\(path) is a file, not a folder")) {
                try Store(
                    path: path, options: .init(memoryBytes: 1 << 20, isReadOnly: isReadOnly))
            }
        }
        #expect(try Data(contentsOf: URL(filePath: path)) == Data([1]))
    }

    /// A store without its rows is damaged; it is not taken for a new one.
    @Test func aStoreWhoseColdTierIsGoneIsDamaged() throws {
        let path = NSTemporaryDirectory() + "thermocline-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let store = try Store(path: path, options: .init(memoryBytes: 1 << 20))
        _ = try store.createTable(named: "t", .exact(dimension: 4)).pull([1, 2, 3])
        try store.close()
        try FileManager.default.removeItem(atPath: path + "/cold")
        #expect {
            try Store(path: path, options: .init(memoryBytes: 1 << 20))
        } throws: { error in
            guard case .damaged = error as? StoreError else { return false }
            return true
        }
    }

    /// What a table does not need any more, another may have.
    @Test func deletedRowsGiveTheirMemoryBack() throws {
        let temporary = try TemporaryStore(memoryBytes: 8 << 20)
        let table = try temporary.store.createTable(named: "t", .exact(dimension: 64))
        let ids = Array(0..<20_000 as Range<UInt64>)
        for start in stride(from: 0, to: ids.count, by: 1000) {
            _ = try table.pull(Array(ids[start..<start + 1000]))
        }
        let before = temporary.store.statistics().hotBytes
        #expect(try table.delete(ids) == ids.count)
        let after = temporary.store.statistics().hotBytes
        #expect(table.count == 0)
        #expect(after < before / 20, "\(after) of \(before) bytes are still taken")
    }

    /// A number that a table had is not given again, in another life of the store either.
    @Test func numbersAreNotGivenTwice() throws {
        let temporary = try TemporaryStore()
        let first = try temporary.store.createTable(named: "a", .exact(dimension: 4))
        try temporary.store.dropTable(first)
        try temporary.reopen()
        let second = try temporary.store.createTable(named: "b", .exact(dimension: 4))
        #expect(second.number > first.number)
    }

    /// RocksDB's own messages stay short however many tables come and go: once they were written anew,
    /// with the settings of every table ever made, for each line.
    @Test func messagesOfTheColdTierDoNotGrowWithTheTablesMade() throws {
        let temporary = try TemporaryStore()
        for _ in 0..<150 {
            let table = try temporary.store.createTable(named: "passing", .exact(dimension: 4))
            try temporary.store.dropTable(table)
        }
        let files = try FileManager.default.contentsOfDirectory(atPath: temporary.path + "/cold")
        #expect(files.filter { $0.hasPrefix("LOG.old") } == [])
    }
}
