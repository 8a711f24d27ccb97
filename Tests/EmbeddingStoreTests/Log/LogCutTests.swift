import Foundation
import Synchronization
import Testing

@testable import EmbeddingStore

/// How the log stays short: by noting rows again, or by writing them to the cold tier.
@Suite struct LogCutTests {
    private static let ids = Array(0..<500 as Range<UInt64>)

    /// Pushes so often that the log is cut many times; every row is then as often one more.
    private static func push(_ table: Table, _ ids: [UInt64], times: Int) throws {
        let gradients = [Float](repeating: -1, count: ids.count * table.schema.dimension)
        for _ in 0..<times { try table.push(ids, gradients) }
    }

    /// Few rows that are pushed again and again are noted again and stay out of the cold tier; and
    /// what is left of files that were used before is not read.
    @Test(arguments: [Durability.buffered, .synced])
    func fewRowsAreNotedAgain(durability: Durability) throws {
        let crashed = try CrashedStore(durability: durability, logBytesMax: 4 << 20)
        let table = try crashed.store.createTable(named: "t", .exact(dimension: 16))
        try Self.push(table, Self.ids, times: 300)
        #expect(table.rows.coldKeys.load(ordering: .relaxed) == 0)
        let files = try CrashedStore.logFiles(crashed.store.path)
        let bytes = files.reduce(0) { $0 + (ColdFiles.byteCount($1) ?? 0) }
        #expect(bytes <= 4 << 20)
        let last = try #require(
            files.last.flatMap { LogSegment.number(fileName: ($0 as NSString).lastPathComponent) })
        #expect(last > 20, "the log was not cut")
        let survivor = try CrashedStore.open(try crashed.die())
        defer { try? survivor.close() }
        #expect(survivor.recovery.droppedBytes == 0)
        expectAll(try survivor.table(named: "t").pull(Self.ids, create: false), are: 300)
    }

    /// Rows that are noted again stay noted when nobody changes them any more.
    @Test func rowsThatNobodyChangesAnyMoreSurviveManyCuts() throws {
        let crashed = try CrashedStore(logBytesMax: 4 << 20)
        let table = try crashed.store.createTable(named: "t", .exact(dimension: 16))
        let quiet = Array(10_000..<10_100 as Range<UInt64>)
        try Self.push(table, quiet, times: 3)
        _ = try table.pull([77_777])
        try Self.push(table, Self.ids, times: 300)
        let survivor = try CrashedStore.open(try crashed.die())
        defer { try? survivor.close() }
        let survived = try survivor.table(named: "t")
        expectAll(try survived.pull(quiet, create: false), are: 3)
        #expect(try survived.contains([77_777]) == [true])
        #expect(survived.count == 601)
    }

    /// More rows than a part of the log has room for go to the cold tier.
    @Test func manyRowsGoToTheColdTier() throws {
        let crashed = try CrashedStore(logBytesMax: 4 << 20)
        let table = try crashed.store.createTable(named: "t", .exact(dimension: 16))
        let many = Array(0..<20_000 as Range<UInt64>)
        for _ in 0..<3 {
            for start in stride(from: 0, to: many.count, by: 1000) {
                try Self.push(table, Array(many[start..<start + 1000]), times: 1)
            }
        }
        // The cut may be under way still.
        try crashed.store.cutLog()
        #expect(table.rows.coldKeys.load(ordering: .relaxed) > 0)
        let survivor = try CrashedStore.open(try crashed.die())
        defer { try? survivor.close() }
        expectAll(try survivor.table(named: "t").pull(many, create: false), are: 3)
        #expect(try survivor.table(named: "t").count == many.count)
    }

    /// A death in a file that was used before: what is not whole is dropped, and its length known.
    @Test func aBrokenEndInAFileThatIsUsedAgainIsDropped() throws {
        let crashed = try CrashedStore(durability: .synced, logBytesMax: 4 << 20)
        let table = try crashed.store.createTable(named: "t", .exact(dimension: 16))
        try Self.push(table, Self.ids, times: 300)
        let path = try crashed.die()
        // The last file with a block in it; the one after it waits to be written.
        let file = try #require(
            try CrashedStore.logFiles(path).last { try Self.blocksEnd($0) > 32 })
        let (start, end) = try Self.lastBlock(file)
        let size = try #require(ColdFiles.byteCount(file))
        #expect(end < size - 32, "there is something behind the last block")
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: file))
        try handle.seek(toOffset: UInt64(end - 8))
        try handle.write(contentsOf: Data(repeating: 0xFF, count: 8))
        try handle.close()
        let survivor = try CrashedStore.open(path)
        defer { try? survivor.close() }
        #expect(survivor.recovery.droppedBytes == end - start)
        expectAll(try survivor.table(named: "t").pull(Self.ids, create: false), are: 299)
    }

    private static func lastBlock(_ file: String) throws -> (start: Int, end: Int) {
        let number = try #require(
            LogSegment.number(fileName: (file as NSString).lastPathComponent))
        return try Recovery.withContents(of: file) { (bytes) throws(StoreError) in
            guard var reader = try? unsafe LogReader(bytes, segment: number) else { return (0, 0) }
            var start = reader.offset
            while true {
                let before = reader.offset
                guard case .block = reader.next(expected: nil) else { break }
                start = before
            }
            return (start, reader.offset)
        }
    }

    private static func blocksEnd(_ file: String) throws -> Int { try lastBlock(file).end }

    // MARK: deletions

    /// More ids than a segment of the log has room for, in one request.
    @Test func aDeletionMayBeLargerThanASegment() throws {
        let crashed = try CrashedStore(logBytesMax: 8 << 20)
        let table = try crashed.store.createTable(named: "t", .exact(dimension: 1))
        let ids = Array(0..<60_000 as Range<UInt64>)
        try table.assign(ids, [Float](repeating: 1, count: ids.count))
        #expect(try table.delete(ids + [99_999]) == ids.count)
        #expect(table.count == 0)
        let survivor = try CrashedStore.open(try crashed.die())
        defer { try? survivor.close() }
        #expect(try survivor.table(named: "t").count == 0)
    }

    /// More than the log could ever take: nothing is deleted, then or after a death.
    @Test func aDeletionThatIsTooLargeChangesNothing() throws {
        let crashed = try CrashedStore(logBytesMax: 4 << 20)
        let table = try crashed.store.createTable(named: "t", .exact(dimension: 1))
        let ids = Array(0..<2000 as Range<UInt64>)
        try table.assign(ids, [Float](repeating: 1, count: ids.count))
        #expect {
            _ = try table.delete(Array(0..<140_000))
        } throws: { error in
            guard case .tooLarge = error as? StoreError else { return false }
            return true
        }
        #expect(table.count == 2000)
        let survivor = try CrashedStore.open(try crashed.die())
        defer { try? survivor.close() }
        #expect(try survivor.table(named: "t").count == 2000)
    }

    // MARK: counts

    /// After a death nobody reads all keys to count them.
    @Test func keysOnDiskAreCountedWithoutReadingThem() throws {
        let crashed = try CrashedStore(memoryBytes: 1 << 20)
        let table = try crashed.store.createTable(named: "t", .exact(dimension: 124))
        let ids = Array(0..<20_000 as Range<UInt64>)
        for start in stride(from: 0, to: ids.count, by: 500) {
            _ = try table.assign(
                Array(ids[start..<start + 500]), [Float](repeating: 1, count: 500 * 124))
        }
        #expect(try table.delete(Array(ids[..<300])) == 300)
        let path = try crashed.die()
        let directory = try DataDirectory(path: path, readOnly: false)
        let cold = FaultyColdTier(
            try RocksDBColdTier(path: directory.coldPath, readOnly: false, mayCreate: false))
        cold.fail(.scan)
        var options = Store.Options(memoryBytes: 64 << 20, shardCount: 8)
        options.restoresHotRows = false
        let survivor = try Store(directory: directory, cold: cold, options: options)
        defer { try? survivor.close() }
        let survived = try survivor.table(named: "t")
        #expect(survived.count == 19_700)
        let counted = survived.rows.coldKeys.load(ordering: .relaxed)
        cold.recover()
        #expect(try cold.countKeys(table: table.number) == counted)
    }

    /// A write that fails does not keep rows in memory that the disk has as they are.
    @Test func rowsThatTheDiskHasLeaveThoughItCannotBeWritten() throws {
        let faulty = try FaultyStore()
        let ids = Array(0..<2000 as Range<UInt64>)
        let table = try faulty.tableOnDisk(ids: ids)
        // All of them are in memory and as on disk, but the first.
        try table.rows.flush()
        _ = try table.pull(ids)
        try table.rows.flush()
        try table.assign([0], FaultyStore.rows(1))
        let before = table.statistics().hot.rows
        faulty.cold.fail(.write)
        #expect(throws: FaultyColdTier.failure) {
            _ = try table.rows.demote(below: .everything, bytesMax: 1 << 20)
        }
        #expect(before == 2000 && table.statistics().hot.rows < 200)
        faulty.cold.recover()
        expectRows(try table.pull(ids, create: false), FaultyStore.rows(ids.count))
    }
}
