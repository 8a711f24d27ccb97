import Foundation
import Testing

@testable import EmbeddingStore

/// Rows on their way to a disk that fails, is slow, or is gone.
@Suite struct RowStoreDemotionTests {
    @Test func aFailedDemotionLosesNothing() throws {
        let faulty = try FaultyStore()
        let table = try faulty.store.createTable(named: "t", .exact(dimension: 24))
        let ids = Array(0..<500 as Range<UInt64>)
        try table.assign(ids, FaultyStore.rows(500))
        faulty.cold.fail(.write)
        #expect(throws: FaultyColdTier.failure) { try demoteEverything(of: table) }
        #expect(table.statistics().hot.rows == 500)
        #expect(table.count == 500)
        expectRows(try table.pull(ids), FaultyStore.rows(500))
        faulty.cold.recover()
        try demoteEverything(of: table)
        #expect(table.statistics().hot.rows == 0)
        expectRows(try table.pull(ids), FaultyStore.rows(500))
    }

    /// Memory is full and the disk takes nothing: requests that need room are told so, hits go on,
    /// and what was acknowledged is there when the disk is back.
    @Test func requestsGetTheDisksErrorWhileItFailsAndGoOnAfterwards() throws {
        let faulty = try FaultyStore(demotesInBackground: true)
        let table = try faulty.store.createTable(named: "t", .exact(dimension: 24))
        faulty.cold.fail(.write)
        var acknowledged: [UInt64] = []
        var failure: (any Error)?
        for start in stride(from: UInt64(0), to: 100_000, by: 200) {
            let ids = Array(start..<start + 200)
            do {
                try table.assign(ids, ids.flatMap { [Float](repeating: Float($0), count: 24) })
                acknowledged += ids
            } catch {
                failure = error
                break
            }
        }
        #expect(failure as? StoreError == FaultyColdTier.failure)
        #expect(acknowledged.count > 1000, "memory was not filled")
        #expect(faulty.store.statistics().hotBytes <= 1 << 20)
        // A hit needs neither room nor disk.
        try table.push([7], [Float](repeating: 1, count: 24))
        expectAll(try table.pull([7]), are: 6)
        try table.push([7], [Float](repeating: -1, count: 24))

        faulty.cold.recover()
        let more = Array(200_000..<200_200 as Range<UInt64>)
        let deadline = Date(timeIntervalSinceNow: 10)
        while true {
            do {
                try table.assign(more, more.flatMap { [Float](repeating: Float($0), count: 24) })
                break
            } catch {
                if Date() > deadline { throw error }
                Thread.sleep(forTimeInterval: 0.05)
            }
        }
        for ids in [acknowledged, more] {
            let rows = try table.pull(ids)
            expectRows(rows, ids.flatMap { [Float](repeating: Float($0), count: 24) })
        }
        // The batch that was refused is there as a whole or not at all.
        let refused = Array(UInt64(acknowledged.count)..<UInt64(acknowledged.count) + 200)
        #expect(try table.contains(refused).allSatisfy { !$0 })
        #expect(table.count == acknowledged.count + 200)
    }

    /// A row that is used while its copy is being written stays, and so does its newer value.
    @Test func aRowThatIsUsedWhileItIsWrittenStays() throws {
        let faulty = try FaultyStore()
        let table = try faulty.store.createTable(named: "t", .exact(dimension: 24))
        let ids = Array(0..<100 as Range<UInt64>)
        try table.assign(ids, FaultyStore.rows(100))

        faulty.cold.hold(.write)
        let demotion = BlockingTask { try table.rows.demote(below: .everything, bytesMax: 1 << 20) }
        #expect(faulty.cold.waitUntilHeld(.write))
        try table.push([5], [Float](repeating: 1, count: 24))
        expectAll(try table.pull([6], create: false), are: 7)
        faulty.cold.release(.write)
        _ = try demotion.value()

        #expect(table.statistics().hot.rows == 2)
        #expect(table.count == 100)
        expectAll(try table.pull([5]), are: 5)
        try demoteEverything(of: table)
        #expect(table.statistics().hot.rows == 0)
        expectAll(try table.pull([5]), are: 5, "the older copy came back")
    }

    /// A read that was under way when its row was deleted does not bring it back.
    @Test func aReadThatADeleteOvertookDoesNotBringTheRowBack() throws {
        let faulty = try FaultyStore()
        let table = try faulty.tableOnDisk(ids: [1, 2, 3])
        faulty.cold.hold(.read)
        let pull = BlockingTask { try table.pull([2], create: false) }
        let delete = BlockingTask { try table.delete([2]) }
        #expect(faulty.cold.waitUntilHeld(.read))
        faulty.cold.release(.read)
        let row = try pull.value()
        #expect(row.allAre(2) || row.allAre(0))
        #expect(try delete.value() == 1)
        #expect(try table.contains([1, 2, 3]) == [true, false, true])
        #expect(table.count == 2)
    }

    @Test func aFailedFlushKeepsRowsDirty() throws {
        let faulty = try FaultyStore()
        let table = try faulty.store.createTable(named: "t", .exact(dimension: 24))
        let ids = Array(0..<300 as Range<UInt64>)
        try table.assign(ids, FaultyStore.rows(300))
        let destination = faulty.path + "-copy"
        defer { try? FileManager.default.removeItem(atPath: destination) }

        faulty.cold.fail(.write)
        #expect(throws: FaultyColdTier.failure) { try faulty.store.checkpoint(to: destination) }
        #expect(!FileManager.default.fileExists(atPath: destination))
        #expect(neighbours(of: destination).isEmpty)
        expectRows(try table.pull(ids), FaultyStore.rows(300))
        faulty.cold.recover()
        #expect(try faulty.store.checkpoint(to: destination).rows == 300)

        let copy = try Store(path: destination, options: .init(memoryBytes: 1 << 20))
        defer { try? copy.close() }
        expectRows(try copy.table(named: "t").pull(ids, create: false), FaultyStore.rows(300))
    }

    /// A store whose closing failed has not lost its rows: closing can be tried again.
    @Test(arguments: [FaultyColdTier.Operation.write, .sync])
    func aFailedCloseCanBeTriedAgain(operation: FaultyColdTier.Operation) throws {
        let faulty = try FaultyStore(demotesInBackground: true)
        let table = try faulty.store.createTable(named: "t", .exact(dimension: 24))
        let ids = Array(0..<300 as Range<UInt64>)
        try table.assign(ids, FaultyStore.rows(300))

        faulty.cold.fail(operation)
        #expect(throws: FaultyColdTier.failure) { try faulty.store.close() }
        faulty.cold.recover()
        try faulty.store.close()

        try faulty.open()
        let reopened = try faulty.store.table(named: "t")
        #expect(reopened.count == 300)
        expectRows(try reopened.pull(ids, create: false), FaultyStore.rows(300))
    }

    /// The demoter may have looked at the tables a moment before one was dropped; that is no fault
    /// of the disk, and must not be told to those who wait for room in other tables.
    @Test func demotingATableThatWasDroppedIsNoFailure() throws {
        let faulty = try FaultyStore()
        let table = try faulty.store.createTable(named: "t", .exact(dimension: 24))
        try table.assign(Array(0..<300), FaultyStore.rows(300))
        try faulty.store.dropTable(table)
        #expect(throws: Never.self) {
            _ = try table.rows.demote(below: .everything, bytesMax: 1 << 20)
        }
    }
}
