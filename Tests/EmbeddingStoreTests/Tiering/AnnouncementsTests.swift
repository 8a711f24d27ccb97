import Testing

@testable import EmbeddingStore

/// Rows that are announced before they are asked for.
@Suite struct AnnouncementsTests {
    private let clock = TestClock()
    private let temporary: TemporaryStore
    private let table: Table
    private let announcer: Announcer

    /// On disk, all of them.
    private static let count: UInt64 = 4000
    private static let memoryBytes = 2 << 20
    private static let dimension = 252
    /// What a hold takes of the quarter of memory that announcements may have: row, entry and key.
    private static let bytesPerKey = 1024 + Announcements.holdBytes + 8
    /// Rows of one announcement that has all the room; of the memory's 1,900 or so.
    private static let most =
        (memoryBytes / 4 - Announcements.announcementBytes) / bytesPerKey

    init() throws {
        temporary = try TemporaryStore(
            memoryBytes: Self.memoryBytes, demotesInBackground: false, clock: clock.clock)
        table = try temporary.store.createTable(named: "t", .exact(dimension: Self.dimension))
        #expect(table.rows.layout.stride == 1024)
        announcer = temporary.store.announcer()
        try scan(0..<Self.count)
        try demoteEverything(of: table)
        #expect(table.statistics().hot.rows == 0)
    }

    /// Calls `body` with a few ids at a time, for whose rows there is room.
    private func inSteps(_ ids: Range<UInt64>, _ body: ([UInt64]) throws -> Void) throws {
        for start in stride(from: ids.lowerBound, to: ids.upperBound, by: 40) {
            try temporary.store.demote()
            try body(Array(start..<min(start + 40, ids.upperBound)))
        }
    }

    /// Pulls many rows once or more often, and so pushes others out.
    private func scan(_ ids: Range<UInt64>, times: Int = 1) throws {
        try inSteps(ids) { ids in
            for _ in 0..<times { _ = try table.pull(ids) }
        }
    }

    /// How many of the ids are in memory; counts as no use.
    private func hot(_ ids: [UInt64]) -> Int { table.rows.absentHot(ids).count { !$0 } }

    private var held: Int { table.statistics().announced.held }

    private var announcements: Announcements { temporary.store.budget.announcements }

    @Test func heldRowsStayUntilTheyWereAskedFor() throws {
        let announced = Array(0..<300 as Range<UInt64>)
        let empty = temporary.store.statistics().hotBytes
        #expect(try table.prefetch(announced, by: announcer) == 300)
        #expect(hot(announced) == 300 && held == 300)
        // Everything that they take is counted.
        #expect(temporary.store.statistics().hotBytes - empty >= 300 * Self.bytesPerKey)
        var figures = table.statistics()
        #expect(figures.announced == .init(held: 300, readAhead: 300, hits: 0))
        let before = (figures.hits, figures.misses)
        // Each of these is used more often than the announced ones.
        try scan(1000..<4000, times: 3)
        #expect(hot(announced) == 300)
        _ = try table.pull(announced)
        figures = table.statistics()
        #expect(figures.announced == .init(held: 0, readAhead: 300, hits: 300))
        #expect(figures.hits - before.0 == 6000 + 300 && figures.misses - before.1 == 3000)
        #expect(announcements.isEmpty)
        try scan(1000..<4000, times: 3)
        #expect(hot(announced) == 0, "held though they have been asked for")
    }

    @Test func asOftenAsTheyWereAnnounced() throws {
        #expect(try table.prefetch([1, 2, 1], by: announcer) == 3)
        #expect(try table.prefetch([1], by: announcer) == 1)
        #expect(held == 4)
        for (use, left) in [(1, 3), (2, 2), (3, 1), (4, 1)] {
            _ = try table.pull([1])
            #expect(held == left, "after use \(use)")
        }
        // A pool asks for rows as well, a push does not.
        try table.push([2], [Float](repeating: 1, count: Self.dimension))
        #expect(held == 1)
        _ = try table.pool([2], Bags(offsets: [0], idCount: 1, mode: .sum, weights: nil))
        #expect(held == 0 && announcements.isEmpty)
    }

    /// A hold begins before its row is read, so a pull that comes meanwhile ends it.
    @Test func anAnnouncementThatComesTooLate() throws {
        let ids = [1, 2, 3, 2] as [UInt64]
        let prefetch = unsafe ids.withBytes { unsafe table.prefetchHot($0, by: announcer) }
        #expect(!prefetch.isComplete && held == 4)
        _ = try table.pull(ids)
        #expect(held == 0)
        #expect(try table.prefetchCold(prefetch) == 4)
        #expect(held == 0 && announcements.isEmpty)
        #expect(table.statistics().announced == .init())
    }

    /// What the server does with a request when too many wait for the disk.
    @Test func whatNobodyReadsIsNotHeld() throws {
        let ids = [1, 2, 3] as [UInt64]
        unsafe ids.withBytes { ids in
            let prefetch = unsafe table.prefetchHot(ids, by: announcer)
            #expect(!prefetch.isComplete && held == 3)
        }
        _ = temporary.store.statistics()
        #expect(held == 0 && announcements.isEmpty)
    }

    /// An announcement is worth as much whether or not the row is in memory already.
    @Test func rowsInMemoryAreHeldToo() throws {
        _ = try table.pull([5])
        let prefetch = unsafe [5].withBytes { unsafe table.prefetchHot($0, by: announcer) }
        #expect(prefetch.isComplete && prefetch.held == 1)
        #expect(table.statistics().announced.readAhead == 0)
        try scan(1000..<4000, times: 3)
        #expect(hot([5]) == 1)
    }

    @Test func theyEndWithWhoeverAnnouncedThem() throws {
        let other = temporary.store.announcer()
        let announced = Array(0..<100 as Range<UInt64>)
        _ = try table.prefetch(announced, by: announcer)
        _ = try table.prefetch(Array(50..<60), by: other)
        announcer.end()
        try scan(1000..<4000, times: 3)
        #expect(hot(announced) == 10 && held == 10)
        #expect(try table.prefetch([1], by: announcer) == 0, "it has ended")
        other.end()
        try scan(1000..<4000, times: 3)
        #expect(hot(announced) == 0 && held == 0)
    }

    @Test func theyEndAfterAWhile() throws {
        _ = try table.prefetch([1, 2], by: announcer)
        clock.advance(Int(Announcements.secondsMax) - 1)
        _ = try table.prefetch([3], by: announcer)
        #expect(held == 3)
        clock.advance(1)
        _ = temporary.store.statistics()
        #expect(held == 1)
        clock.advance(Int(Announcements.secondsMax))
        try scan(1000..<4000, times: 3)
        #expect(hot([1, 2, 3]) == 0 && held == 0)
        // Nor do they stay for an hour because the clock was set back by one.
        _ = try table.prefetch([1, 2], by: announcer)
        clock.advance(-3600)
        _ = try table.prefetch([3], by: announcer)
        #expect(held == 1)
    }

    @Test func thereIsRoomForSoMany() throws {
        var got = 0
        try inSteps(0..<1000) { got += try table.prefetch($0, by: announcer) }
        // The announcements themselves take room, and what is left is too little for one more.
        let bytes = 12 * Announcements.announcementBytes + got * Self.bytesPerKey
        #expect(bytes <= Self.memoryBytes / 4 && got > Self.most - 10 && held == got)
        #expect(hot(Array(0..<UInt64(got))) == got, "the first ones are held")
        // Others can still come and go.
        try scan(1000..<4000, times: 3)
        #expect(temporary.store.statistics().hotBytes <= Self.memoryBytes)
        #expect(hot(Array(0..<UInt64(got))) == got)
        // What is asked for makes room for other announcements.
        _ = try table.pull(Array(0..<40))
        try temporary.store.demote()
        #expect(try table.prefetch(Array(2000..<2060), by: announcer) == 40)
        announcer.end()
        let next = temporary.store.announcer()
        got = 0
        try inSteps(2000..<2400) { got += try table.prefetch($0, by: next) }
        #expect(got == 400)
    }

    /// Of an announcement of which one row is never asked for, no more is kept from others than that
    /// row and the list.
    @Test func whatRemainsOfAnAnnouncement() throws {
        let ids = Array(0..<UInt64(Self.most))
        #expect(try table.prefetch(ids, by: announcer) == Self.most)
        _ = try table.pull(Array(ids.dropLast()))
        #expect(held == 1)
        let left =
            Self.memoryBytes / 4 - 2 * Announcements.announcementBytes
            - 8 * Self.most - (1024 + Announcements.holdBytes)
        let room = left / Self.bytesPerKey
        try temporary.store.demote()
        #expect(try table.prefetch(Array(2000..<2000 + UInt64(Self.most)), by: announcer) == room)
    }

    /// Of more announcements of one row only so many hold it; the others take no room.
    @Test func oneRowManyTimes() throws {
        var got = 0
        for _ in 0..<100 { got += try table.prefetch([7, 8, 8], by: announcer) }
        #expect(got == 3 * RowHolds.announcementsMax && held == got)
        for _ in 0..<64 { _ = try table.pull([7, 8, 8]) }
        #expect(announcements.isEmpty)
    }

    @Test func nothingIsMadeOfUnknownIDs() throws {
        let rows = table.count
        #expect(try table.prefetch([1, 10_000, 10_001], by: announcer) == 1)
        #expect(table.count == rows && held == 1)
        #expect(try table.contains([10_000, 10_001]) == [false, false])
        // They have taken no room.
        _ = try table.pull([1])
        #expect(announcements.isEmpty)
        #expect(
            try table.prefetch(Array(repeating: 7, count: 2000), by: announcer) == Self.most)
    }

    @Test func aDroppedTableHoldsNothing() throws {
        _ = try table.prefetch(Array(0..<300), by: announcer)
        let late = [500, 501] as [UInt64]
        let prefetch = unsafe late.withBytes { unsafe table.prefetchHot($0, by: announcer) }
        try temporary.store.dropTable(table)
        #expect(announcements.isEmpty)
        // Who was about to read finds nothing, or fails.
        _ = try? table.prefetchCold(prefetch)
        #expect(announcements.isEmpty && held == 0)
        // And what is announced afterwards by a request that still has the table is let go of in time.
        _ = try? table.prefetch([600], by: announcer)
        clock.advance(Int(Announcements.secondsMax))
        _ = temporary.store.statistics()
        #expect(announcements.isEmpty)
    }

    /// Nothing is held, nor any room taken, when the disk fails.
    @Test func aDiskThatFails() throws {
        let faulty = try FaultyStore(memoryBytes: 4 << 20)
        let ids = Array(0..<1000 as Range<UInt64>)
        let table = try faulty.tableOnDisk(ids: ids)
        let announcer = faulty.store.announcer()
        faulty.cold.fail(.read)
        #expect(throws: StoreError.self) { try table.prefetch(ids, by: announcer) }
        #expect(table.statistics().announced == .init())
        #expect(faulty.store.budget.announcements.isEmpty)
        faulty.cold.recover()
        #expect(try table.prefetch(ids, by: announcer) == 1000)
    }

    @Test func deletedRowsAreNotHeldForEver() throws {
        _ = try table.prefetch([1, 2], by: announcer)
        _ = try table.delete([1])
        #expect(hot([1, 2]) == 1)
        announcer.end()
        _ = temporary.store.statistics()
        #expect(held == 0)
        #expect(try table.contains([1]) == [false])
    }

    /// Where ids share rows those are held; a push that looks at them first does not end that.
    @Test(arguments: [
        Scheme.doubleHashed(rows: 100, combine: .sum),
        .quotientRemainder(rows: 10, combine: .multiply),
    ])
    func rowsThatAreShared(_ scheme: Scheme) throws {
        var schema = TableSchema.exact(dimension: 4)
        schema.scheme = scheme
        // A product of zeros has no gradient.
        schema.initializer = .constant(1)
        let shared = try temporary.store.createTable(named: "s", schema)
        _ = try shared.pull(Array(0..<50))
        try demoteEverything(of: shared)
        #expect(shared.statistics().hot.rows == 0)
        #expect(try shared.prefetch([1, 2, 3], by: announcer) == 6)
        #expect(shared.statistics().announced.held == 6)
        let misses = shared.statistics().misses
        try shared.push([1, 2, 3], [Float](repeating: 1, count: 12))
        #expect(shared.statistics().announced.held == 6)
        _ = try shared.pull([1, 2, 3])
        #expect(shared.statistics().announced.held == 0)
        #expect(shared.statistics().announced.hits == 6)
        #expect(shared.statistics().misses == misses)
    }

    /// An id of two rows, of which one is in memory, is looked for twice: on the event loop, and where it may
    /// wait. Each row was announced twice and is handed out once.
    @Test func oneOfTwoRowsIsInMemory() throws {
        var schema = TableSchema.exact(dimension: Self.dimension)
        schema.scheme = .doubleHashed(rows: 300, combine: .sum)
        let table = try temporary.store.createTable(named: "double", schema)
        try inSteps(0..<200) { _ = try table.pull($0) }
        try demoteEverything(of: table)
        _ = try table.pull(Array(0..<20))
        let ids = Array(20..<60 as Range<UInt64>)
        // Nothing is read for them yet.
        let (first, second) = unsafe ids.withBytes {
            unsafe (table.prefetchHot($0, by: announcer), table.prefetchHot($0, by: announcer))
        }
        #expect(!first.isComplete, "all were in memory")
        let held = table.statistics().announced.held
        _ = try table.pull(ids)
        #expect(table.statistics().announced.held == held / 2)
        _ = try table.pull(ids)
        #expect(table.statistics().announced.held == 0)
        withExtendedLifetime((first, second)) {}
    }

    /// Rows that have expired and nobody has removed yet are as if they were not there.
    @Test func rowsThatHaveExpired() throws {
        var schema = TableSchema.exact(dimension: Self.dimension)
        schema.timeToLive = 100
        let table = try temporary.store.createTable(named: "mortal", schema)
        let ids = Array(0..<30 as Range<UInt64>)
        _ = try table.pull(ids)
        #expect(try table.prefetch(ids, by: announcer) == 30)
        clock.advance(20)
        // Not over yet: who announced them is there, and 30 seconds have not passed.
        _ = try table.serve(ids)
        #expect(table.statistics().announced.held == 0)
        clock.advance(101)
        #expect(try table.prefetch(ids, by: announcer) == 0)
        #expect(try table.serve(ids).found.allSatisfy { !$0 })
        #expect(table.statistics().announced.held == 0)
    }

    /// Of ids that have a row of their own that one is held, of others those that they share.
    @Test func rowsOfThoseThatAreAdmitted() throws {
        let admitting = try temporary.store.createTable(
            named: "a", AdmittedRowsTests.schema(.frequencyFiltered(.exact), dimension: 4))
        let ids = Array(0..<20 as Range<UInt64>)
        for _ in 0..<10 { _ = try admitting.pull(Array(ids[..<10])) }
        _ = try admitting.pull(ids)
        try demoteEverything(of: admitting)
        #expect(admitting.statistics().hot.rows == 0)
        #expect(try admitting.prefetch(ids, by: announcer) == 20)
        #expect(admitting.statistics().announced.held == 20)
        let misses = admitting.statistics().misses
        _ = try admitting.pull(ids)
        #expect(admitting.statistics().announced == .init(held: 0, readAhead: 11, hits: 20))
        #expect(admitting.statistics().misses == misses)
    }

    /// Whatever happens at the same time, no hold stays for ever, and no room is lost or won.
    @Test func manyAtOnce() async throws {
        let table = table
        let store = temporary.store
        await withTaskGroup(of: Void.self) { group in
            for seed in 0..<4 as Range<UInt64> {
                group.addTask {
                    var random = SeededGenerator(seed: seed)
                    var announcer = store.announcer()
                    for round in 0..<150 {
                        let first = UInt64.random(in: 0..<400, using: &random)
                        let ids = (0..<UInt64.random(in: 1..<80, using: &random)).map { first + $0 }
                        _ = try? table.prefetch(ids, by: announcer)
                        if Bool.random(using: &random) { _ = try? table.pull(ids) }
                        if round % 10 == 9 { _ = try? table.delete([first]) }
                        if round % 20 == 19 { announcer = store.announcer() }
                        try? store.demote()
                        _ = store.statistics()
                    }
                }
            }
        }
        _ = store.statistics()
        #expect(held == 0 && announcements.isEmpty)
        #expect(table.statistics().announced.hits > 0)
    }
}
