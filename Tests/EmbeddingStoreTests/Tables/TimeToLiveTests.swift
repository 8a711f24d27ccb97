import Foundation
import Testing

@testable import EmbeddingStore

/// Rows that are gone when they have not been used for long enough.
@Suite struct TimeToLiveTests {
    static let seconds = 1600
    private let ids = Array(0..<200 as Range<UInt64>)

    static func schema(dimension: Int = 8) -> TableSchema {
        var schema = TableSchema.exact(dimension: dimension)
        schema.timeToLive = seconds
        return schema
    }

    private func ones(_ count: Int) -> [Float] { Array(repeating: 1, count: count * 8) }

    /// With rows in memory, and with all of them on disk.
    @Test(arguments: [false, true])
    func anExpiredRowIsAsIfItWereNotThere(onDisk: Bool) throws {
        let time = TestClock()
        let temporary = try TemporaryStore(
            demotesInBackground: false, clock: time.clock, removesExpiredRows: false)
        let table = try temporary.store.createTable(named: "t", Self.schema())
        func settle() throws { if onDisk { try demoteEverything(of: table) } }
        try table.assign(ids, ones(200))
        try settle()
        time.advance(Self.seconds)
        // Not a second too early. A read is a use.
        #expect(try table.contains(Array(ids[..<100])).allSatisfy { $0 })
        try settle()
        time.advance(1)
        #expect(try table.contains(ids) == ids.map { $0 < 100 })
        expectAll(try table.pull(Array(ids[100...]), create: false), are: 0)
        // Created afresh by a pull; made new by a push.
        expectAll(try table.pull(Array(ids[100..<150])), are: 0)
        try table.push(Array(ids[150...]), Array(repeating: -3, count: 50 * 8))
        expectAll(try table.pull(Array(ids[150...]), create: false), are: 3)
        expectAll(try table.pull(Array(ids[..<100]), create: false), are: 1)
        #expect(table.count == 200)
        #expect(table.statistics().evictions == 100)
        // A delete of what is gone finds nothing, once it has been removed.
        try settle()
        time.advance(Self.seconds + 1)
        #expect(try table.contains(ids).allSatisfy { !$0 })
        #expect(try table.shrink() == 200)
        #expect(table.count == 0)
        #expect(try table.delete(ids) == 0)
    }

    @Test func poolsServeTheDefaultRowForWhatIsGone() throws {
        let time = TestClock()
        let temporary = try TemporaryStore(clock: time.clock)
        let table = try temporary.store.createTable(named: "t", Self.schema())
        try table.assign([1, 2], ones(2))
        time.advance(1000)
        _ = try table.pull([2], create: false)
        time.advance(1000)
        let bag = try Bags(offsets: [0], idCount: 2, mode: .sum, weights: nil)
        expectAll(try table.pool([1, 2], bag), are: 1)
    }

    /// A push of a row that has expired, others with it, and one whose state would tell.
    @Test func aPushMakesANewRowWithNewState() throws {
        let time = TestClock()
        let temporary = try TemporaryStore(clock: time.clock, removesExpiredRows: false)
        var schema = Self.schema(dimension: 1)
        schema.optimizer = .adagrad(learningRate: 1, initialAccumulator: 0, epsilon: 1e-10)
        let table = try temporary.store.createTable(named: "t", schema)
        try table.push([1, 2], [3, 3])
        time.advance(1000)
        try table.push([2], [4])
        time.advance(1000)
        try table.push([1, 2], [-5, 12])
        let rows = try table.pull([1, 2])
        #expect(rows[0] == 1)
        #expect(abs(rows[1] - (-1 - 0.8 - 12.0 / 13)) < 1e-6)
    }

    /// A clean row is written again only when it is used in another sixteenth of its time to live.
    @Test func readsDirtyARowOnceInASlot() throws {
        let time = TestClock(1_600_000)
        let temporary = try TemporaryStore(
            demotesInBackground: false, clock: time.clock, removesExpiredRows: false)
        let table = try temporary.store.createTable(named: "t", Self.schema())
        try table.assign([1], ones(1))
        func isDirty() -> Bool {
            let shard = table.rows.shard(of: table.rows.hash(1))
            let position = shard.position(of: 1, hash: table.rows.hash(1))
            return shard.meta(shard.record(position)).pointee.has(RowMeta.dirty)
        }
        // A use whose number is a power of two dirties a row as well.
        for _ in 0..<4 { _ = try table.pull([1]) }
        try table.rows.flush()
        #expect(!isDirty())
        time.advance(99)
        _ = try table.pull([1])
        #expect(!isDirty())
        time.advance(1)
        _ = try table.pull([1])
        #expect(isDirty())
    }

    @Test func aClockThatIsSetBackTakesNoRow() throws {
        let time = TestClock()
        let temporary = try TemporaryStore(clock: time.clock)
        let table = try temporary.store.createTable(named: "t", Self.schema())
        try table.assign([1], ones(1))
        time.advance(-500_000)
        #expect(try table.contains([1]) == [true])
        #expect(try table.shrink() == 0)
        #expect(try table.contains([1]) == [true])
    }

    /// A read that finds its row in memory after all, while the row is on its way to disk.
    @Test func aReadDuringADemotionCounts() throws {
        let time = TestClock()
        let faulty = try FaultyStore(clock: time.clock)
        let table = try faulty.store.createTable(named: "t", Self.schema())
        try table.assign([1], ones(1))
        time.advance(1000)
        faulty.cold.hold(.write)
        let demoting = BlockingTask { try demoteEverything(of: table) }
        #expect(faulty.cold.waitUntilHeld(.write))
        var row = [Float](repeating: 0, count: 8)
        try [1 as UInt64].withUnsafeBytes { ids in
            try row.withUnsafeMutableBytes {
                try unsafe table.pullCold(
                    ids, missing: [0], create: false,
                    into: RowOutput($0, format: .float32, rows: 1, dimension: 8))
            }
        }
        faulty.cold.release(.write)
        _ = try demoting.value()
        time.advance(1000)
        #expect(try table.contains([1]) == [true])
    }

    @Test func rowsWithoutATimeToLiveLiveForEver() throws {
        let time = TestClock(1)
        let temporary = try TemporaryStore(clock: time.clock)
        let table = try temporary.store.createTable(named: "t", .exact(dimension: 8))
        try table.assign([1], ones(1))
        time.advance(Int(UInt32.max) - 1)
        #expect(try table.contains([1]) == [true])
        #expect(table.rows.layout.stride == RowLayout(.exact(dimension: 8)).stride)
        #expect(try table.shrink() == 0)
    }

    /// Expiry is by the time of use, which restarts keep.
    @Test func timesOfUseSurviveARestart() throws {
        let time = TestClock()
        let temporary = try TemporaryStore(clock: time.clock, removesExpiredRows: false)
        var table = try temporary.store.createTable(named: "t", Self.schema())
        try table.assign(ids, ones(200))
        time.advance(1000)
        _ = try table.pull(Array(ids[..<50]))
        try temporary.reopen()
        time.advance(1000)
        table = try temporary.store.table(named: "t")
        #expect(try table.contains(ids) == ids.map { $0 < 50 })
        try temporary.reopen(readOnly: true)
        table = try temporary.store.table(named: "t")
        #expect(try table.contains(ids) == ids.map { $0 < 50 })
        #expect(throws: StoreError.readOnly) { try table.shrink() }
    }

    /// What the log says of rows: those that were removed because they had expired stay so, and those
    /// that came back are new ones.
    @Test func aDeathLeavesWhatHadExpiredGone() throws {
        let time = TestClock()
        let crashed = try CrashedStore(clock: time.clock, removesExpiredRows: false)
        let table = try crashed.store.createTable(named: "t", Self.schema())
        try table.assign(ids, ones(200))
        try table.rows.flush()
        time.advance(1000)
        try table.push(Array(ids[..<50]), Array(repeating: -1, count: 50 * 8))
        time.advance(1000)
        _ = try table.pull(Array(ids[50..<100]))
        #expect(try table.shrink() == 100)
        #expect(table.count == 100)
        let survivor = try CrashedStore.open(
            try crashed.die(), clock: time.clock, removesExpiredRows: false)
        defer { try? survivor.close() }
        let survived = try survivor.table(named: "t")
        #expect(survived.count == 100)
        #expect(try survived.contains(ids) == ids.map { $0 < 100 })
        expectAll(try survived.pull(Array(ids[..<50]), create: false), are: 2)
        expectAll(try survived.pull(Array(ids[50..<100]), create: false), are: 0)
    }

    /// The thread that removes them looks at a table once a second at most.
    @Test func expiredRowsAreRemovedInTheBackground() throws {
        let time = TestClock()
        let temporary = try TemporaryStore(clock: time.clock)
        var schema = Self.schema()
        schema.timeToLive = 16
        let table = try temporary.store.createTable(named: "t", schema)
        let forEver = try temporary.store.createTable(named: "other", .exact(dimension: 8))
        try table.assign(ids, ones(200))
        try forEver.assign(ids, ones(200))
        time.advance(10)
        _ = try table.pull(Array(ids[..<50]))
        time.advance(7)
        let deadline = ContinuousClock.now + .seconds(60)
        while table.count > 50, ContinuousClock.now < deadline {
            Thread.sleep(forTimeInterval: 0.05)
        }
        #expect(table.count == 50)
        #expect(forEver.count == 200)
    }
}
