import Foundation
import Testing

@testable import EmbeddingStore

/// Which rows come into memory when they are only read.
@Suite struct PromotionTests {
    private let temporary: TemporaryStore
    private let table: Table

    init() throws {
        // Of rows of 512 bytes about 1,800 fit.
        temporary = try TemporaryStore(memoryBytes: 1 << 20)
        table = try temporary.store.createTable(named: "t", .exact(dimension: 124))
    }

    private static let favourites: [UInt64] = Array(0..<1000)
    /// More than fit.
    private static let others: [UInt64] = Array(10_000..<15_000)

    private func inBatches(_ ids: [UInt64], _ body: ([UInt64]) throws -> Void) rethrows {
        for start in stride(from: 0, to: ids.count, by: 50) {
            try body(Array(ids[start..<min(start + 50, ids.count)]))
        }
    }

    /// Row n is full of n.
    private func fill(_ ids: [UInt64]) throws {
        try inBatches(ids) { ids in
            try table.assign(
                ids, ids.flatMap { [Float](repeating: Float($0), count: 124) })
        }
    }

    /// Reads each row once and returns the share that was in memory.
    @discardableResult
    private func serve(_ ids: [UInt64]) throws -> Double {
        let before = table.statistics().hits
        try inBatches(ids) { ids in
            let (rows, found) = try table.serve(ids)
            #expect(found.allSatisfy { $0 })
            #expect(rows == ids.flatMap { [Float](repeating: Float($0), count: 124) })
            #expect(temporary.store.statistics().hotBytes <= 1 << 20)
        }
        return Double(table.statistics().hits - before) / Double(ids.count)
    }

    @Test func rowsThatAreReadSeldomStayOnDisk() throws {
        try fill(Self.others)
        try fill(Self.favourites)
        for _ in 0..<10 { try serve(Self.favourites) }
        // Whatever had room has come in.
        try serve(Self.others)
        let before = table.statistics()
        try serve(Self.others)
        let after = table.statistics()
        #expect(after.misses > before.misses + Self.others.count / 2, "they were all in memory")
        #expect(after.promotions - before.promotions < Self.others.count / 4)
        // A round that finds all that it wanted to move in use moves what it can.
        #expect(try serve(Self.favourites) > 0.7)
    }

    /// Though nothing presses: rows that are read from disk are counted, and when there have been as
    /// many as a demotion would have moved, it is looked again who would leave.
    @Test func rowsThatAreReadOftenComeIn() throws {
        try fill(Self.others)
        try fill(Self.favourites)
        for _ in 0..<10 { try serve(Self.favourites) }
        let new = Array(Self.others.prefix(1600))
        var uses = 0
        var ratio = 0.0
        while ratio < 0.95, uses < 200 {
            uses += 1
            ratio = try serve(new)
        }
        print("new favourites have come in after \(uses) reads each, hit ratio \(ratio)")
        // The demoter's thread gets its turns when it gets them.
        #expect(uses <= 150, "hit ratio \(ratio) after \(uses) reads each")
        #expect(uses > 1, "they were there before they were read")
    }

    /// Twenty times as many rows as fit, each as seldom as the next: they must not change places.
    @Test func rowsThatAreReadInTurnStayWhereTheyAre() throws {
        let ids: [UInt64] = Array(20_000..<56_000)
        try inBatches(ids) { _ = try table.pull($0) }
        for _ in 0..<4 { try inBatches(ids) { _ = try table.serve($0) } }
        let before = table.statistics()
        try inBatches(ids) { _ = try table.serve($0) }
        let after = table.statistics()
        #expect(after.misses - before.misses > ids.count * 8 / 10, "they were in memory")
        let promotions = after.promotions - before.promotions
        print("of \(ids.count) rows that were read in turn \(promotions) came in")
        #expect(promotions < ids.count / 20, "\(promotions) of \(ids.count)")
    }

    @Test func rowsComeInWhereThereIsRoom() throws {
        try fill(Self.others)
        try temporary.reopen(memoryBytes: 16 << 20)
        let table = try temporary.store.table(named: "t")
        for expected in [0, Self.others.count] {
            let before = table.statistics().hits
            try inBatches(Self.others) { _ = try table.serve($0) }
            // What was in memory at the end has come back at the start.
            let hits = table.statistics().hits - before
            #expect(hits >= expected && hits <= expected + 2000, "\(hits) were in memory")
        }
    }

    /// A trainer's rows come in at once: their gradients follow.
    @Test func rowsThatAreToBePushedComeIn() throws {
        try fill(Self.others)
        try fill(Self.favourites)
        for _ in 0..<10 { try serve(Self.favourites) }
        try inBatches(Self.others) { ids in
            _ = try table.pull(ids)
            let before = table.statistics().misses
            _ = try table.pull(ids)
            // A demotion between the two may take some.
            #expect(table.statistics().misses - before < 50)
        }
        #expect(table.statistics().promotions > 3000)
    }

    /// Where rows expire, a use has to be noted, and is in memory only.
    @Test func rowsThatMayExpireComeIn() throws {
        var schema = TableSchema.exact(dimension: 124)
        schema.timeToLive = 1000
        let table = try temporary.store.createTable(named: "mortal", schema)
        try inBatches(Self.others) { _ = try table.pull($0) }
        let cold = Array(Self.others.prefix(1000))
        _ = try table.serve(cold)
        let before = table.statistics()
        for _ in 0..<2 { try inBatches(Self.others) { _ = try table.serve($0) } }
        let after = table.statistics()
        #expect(after.promotions - before.promotions == after.misses - before.misses)
    }
}
