import Testing

@testable import EmbeddingStore

/// Who stays in memory.
@Suite struct DemoterTests {
    private let temporary: TemporaryStore
    private let table: Table

    init() throws {
        // Of rows of 512 bytes about 1,800 fit.
        temporary = try TemporaryStore(memoryBytes: 1 << 20, demotesInBackground: false)
        table = try temporary.store.createTable(named: "t", .exact(dimension: 124))
    }

    private static let favouriteCount: UInt64 = 1000

    /// Pulls each id once and returns the share that was in memory.
    @discardableResult
    private func use(_ ids: Range<UInt64>) throws -> Double {
        let before = table.statistics()
        for start in stride(from: ids.lowerBound, to: ids.upperBound, by: 50) {
            // Fewer than a demotion makes room for.
            _ = try table.pull(Array(start..<min(start + 50, ids.upperBound)))
            try temporary.store.demote()
            #expect(temporary.store.statistics().hotBytes <= 1 << 20)
        }
        let after = table.statistics()
        let hits = after.hits - before.hits
        #expect(hits + after.misses - before.misses == ids.count)
        return Double(hits) / Double(ids.count)
    }

    @Test func aScanDoesNotPushOutRowsThatAreUsedOften() throws {
        let favourites = 0..<Self.favouriteCount
        for _ in 0..<10 { try use(favourites) }
        // Ten times as many rows as fit, each seen once.
        try use(1_000_000..<1_020_000)
        let ratio = try use(favourites)
        #expect(ratio >= 0.95, "hit ratio \(ratio) after the scan")
        // A second look at the scanned rows finds them on disk: the scan was larger than memory.
        #expect(try use(1_000_000..<1_004_000) < 0.5)
    }

    /// New favourites, of which only a part fits beside the old ones, take over: more lookups miss,
    /// so the counts of the old ones (10 uses each) halve with each period of 8 uses a row.
    @Test func newFavouritesTakeOver() throws {
        for _ in 0..<10 { try use(0..<Self.favouriteCount) }
        let new = 10_000..<10_000 + 1600 as Range<UInt64>
        var uses = 0
        var ratio = 0.0
        while ratio < 0.95, uses < 60 {
            uses += 1
            ratio = try use(new)
        }
        print("new favourites have taken over after \(uses) uses each, hit ratio \(ratio)")
        #expect(uses <= 45, "hit ratio \(ratio) after \(uses) uses each")
        #expect(uses > 1, "they were there before they were used")
    }
}
