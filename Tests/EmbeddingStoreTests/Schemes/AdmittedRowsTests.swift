import Foundation
import Testing

@testable import EmbeddingStore

/// Tables that give rows of their own to ids that have earned them.
@Suite struct AdmittedRowsTests {
    static let schemes: [Scheme] = [
        .frequencyDoubleHashed(own: 4000, shared: 700, score: .count),
        .frequencyDoubleHashed(own: 4000, shared: 700, score: .gradientNorm),
        .frequencyFiltered(.exact), .frequencyFiltered(.bloom(counters: 1 << 18)),
    ]

    static func schema(
        _ scheme: Scheme, dimension: Int = 4, admitAfter: Int = 3, fieldBits: Int = 0
    ) -> TableSchema {
        var schema = TableSchema.exact(dimension: dimension)
        schema.scheme = scheme
        schema.admissionCount = admitAfter
        schema.fieldBits = fieldBits
        return schema
    }

    private static func gradients(_ count: Int, _ random: inout SeededGenerator) -> [Float] {
        (0..<count).map { _ in Float(Int.random(in: -3...3, using: &random)) }
    }

    // MARK: everything at once

    /// Filter, demotion, cuts of the log, restarts, crashes and checkpoints, against the rules.
    @Test(arguments: schemes)
    func servesWhatTheRulesSay(scheme: Scheme) throws {
        // A batch must fit in half of the memory, and the ids that own rows must not.
        let dimension = SharedKeys(Self.schema(scheme))!.partCount == 2 ? 192 : 400
        var random = SeededGenerator(seed: 9)
        let crashed = try CrashedStore(memoryBytes: 1 << 20, logBytesMax: 4 << 20)
        let temporary = crashed.temporary
        let schema = Self.schema(scheme, dimension: dimension, fieldBits: 2)
        var table = try temporary.store.createTable(named: "t", schema)
        var model = AdmissionModel(schema)
        let ids = (0..<3000).map { _ in random.next() }
        var demotions = 0
        for step in 0..<33 {
            let batch = Array(
                Set((0..<300).map { _ in ids[Int(pow2Skewed: ids.count, using: &random)] }))
            if step % 3 != 1 {
                expectRows(try table.pull(batch), model.pull(batch), "pull \(step)")
            }
            if step % 5 != 1 {
                let gradients = Self.gradients(batch.count * dimension, &random)
                try table.push(batch, gradients)
                model.push(batch, gradients)
            }
            let others = (0..<100).map { _ in ids[Int.random(in: 0..<3000, using: &random)] }
            expectRows(
                try table.pull(others, create: false), others.flatMap(model.row), "serve \(step)")
            switch step % 20 {
            case 7:
                demotions += table.statistics().demotions
                try temporary.reopen()
                table = try temporary.store.table(named: "t")
            case 12:
                let dead = try crashed.die()
                let store = try CrashedStore.open(dead, memoryBytes: 1 << 20)
                try Self.expectServed(ids, model, by: store, "after a crash at \(step)")
                try store.close()
            case 16:
                let copy = temporary.path + "-checkpoint-\(step)"
                defer { try? FileManager.default.removeItem(atPath: copy) }
                _ = try temporary.store.checkpoint(to: copy)
                let store = try CrashedStore.open(copy, memoryBytes: 1 << 20)
                try Self.expectServed(ids, model, by: store, "the checkpoint at \(step)")
                try store.close()
            default: break
            }
        }
        try Self.expectServed(ids, model, by: temporary.store, "at the end")
        demotions += table.statistics().demotions
        #expect(demotions > 0, "the tiers were not exercised")
        #expect(model.own.count > 500)
    }

    private static func expectServed(
        _ ids: [UInt64], _ model: AdmissionModel, by store: Store, _ comment: Comment
    ) throws {
        let table = try store.table(named: "t")
        for start in stride(from: 0, to: ids.count, by: 500) {
            let batch = Array(ids[start..<min(start + 500, ids.count)])
            expectRows(
                try table.pull(batch, create: false), batch.flatMap(model.row), comment)
        }
    }

    // MARK: earning a row

    @Test(arguments: schemes)
    func aRowIsEarnedByPullsAlone(scheme: Scheme) throws {
        let temporary = try TemporaryStore()
        let table = try temporary.store.createTable(named: "t", Self.schema(scheme))
        try table.push([99], [1, 1, 1, 1])
        for expected in [0, 0, 1] {
            _ = try table.pull([5])
            _ = try table.pull([5], create: false)
            #expect(table.statistics().admission?.admissions == expected)
        }
    }

    @Test(arguments: schemes)
    func aRowIsEarnedByPushesAlone(scheme: Scheme) throws {
        let temporary = try TemporaryStore()
        let table = try temporary.store.createTable(named: "t", Self.schema(scheme))
        for expected in [0, 0, 1] {
            try table.push([5], [1, 1, 1, 1])
            #expect(table.statistics().admission?.admissions == expected)
        }
    }

    /// At the moment it gets its row an id is served what it was served before; from then on it
    /// moves alone.
    @Test(arguments: schemes)
    func promotionChangesNothing(scheme: Scheme) throws {
        let temporary = try TemporaryStore()
        var schema = Self.schema(scheme)
        schema.initializer = .uniform(low: -1, high: 1)
        let table = try temporary.store.createTable(named: "t", schema)
        let ids: [UInt64] = [5, 6]
        for _ in 0..<2 {
            _ = try table.pull([5])
            try table.push([5], [0.25, -0.5, 1, 2])
        }
        let before = try table.pull(ids, create: false)
        #expect(table.statistics().admission?.admissions == 0)
        let at = try table.pull([5])
        #expect(table.statistics().admission?.admissions == 1)
        #expect(at == Array(before[..<4]))
        try table.push([5], [1, 2, 3, 4])
        let after = try table.pull(ids, create: false)
        #expect(Array(after[..<4]) == zip(at, [1, 2, 3, 4] as [Float]).map(-))
        #expect(after[4...] == before[4...], "what others share has moved")
    }

    @Test(arguments: schemes)
    func sightingsOutliveARestart(scheme: Scheme) throws {
        let temporary = try TemporaryStore()
        var table = try temporary.store.createTable(named: "t", Self.schema(scheme))
        _ = try table.pull([5])
        _ = try table.pull([5])
        try temporary.reopen()
        table = try temporary.store.table(named: "t")
        _ = try table.pull([5, 6])
        #expect(table.statistics().admission?.admissions == 1)
    }

    @Test func idsOfAFieldShareItsRow() throws {
        let temporary = try TemporaryStore()
        let schema = Self.schema(.frequencyFiltered(.exact), dimension: 1, fieldBits: 8)
        let table = try temporary.store.createTable(named: "t", schema)
        let one: UInt64 = 1 << 56
        try table.push([one + 7], [2])
        #expect(try table.pull([one + 7, one + 8, 2 * one + 7], create: false) == [-2, -2, 0])
    }

    // MARK: who has one

    @Test func noMoreIdsThanAllowedHaveRows() throws {
        let temporary = try TemporaryStore()
        let scheme = Scheme.frequencyDoubleHashed(own: 50, shared: 100, score: .count)
        let table = try temporary.store.createTable(
            named: "t", Self.schema(scheme, dimension: 1, admitAfter: 2))
        let ids = Array(0..<1000 as Range<UInt64>)
        for _ in 0..<4 { try table.push(ids, Array(repeating: 1, count: 1000)) }
        let owners = try #require(table.statistics().admission?.owners)
        #expect((30...50).contains(owners))
        #expect(table.count <= 150)
        // Those that come far more often take their places.
        let favourites = Array(2000..<2040 as Range<UInt64>)
        for _ in 0..<40 { try table.push(favourites, Array(repeating: 1, count: 40)) }
        let figures = try #require(table.statistics().admission)
        let taken = try table.delete(favourites)
        #expect(taken >= 30, "\(taken): \(figures)")
        #expect(figures.retirements >= 10)
    }

    @Test func idsThatGoQuietLoseTheirRow() throws {
        let temporary = try TemporaryStore()
        let scheme = Scheme.frequencyDoubleHashed(own: 100, shared: 100, score: .count)
        let table = try temporary.store.createTable(
            named: "t", Self.schema(scheme, dimension: 1, admitAfter: 2))
        for _ in 0..<3 { try table.push([1, 2], [1, 1]) }
        #expect(try table.admit([3]) == 1)
        #expect(table.statistics().admission?.owners == 3)
        let shared = try table.pull([9], create: false)
        #expect(shared == [0])
        // Two epochs of others, but 2 comes now and then.
        let others = Array(10_000..<14_096 as Range<UInt64>)
        for _ in 0..<40 {
            try table.push(others.map { $0 }, Array(repeating: 0, count: others.count))
            for _ in 0..<3 { try table.push([2], [0]) }
        }
        #expect(try table.delete([2]) == 1, "still in use")
        #expect(try table.delete([3]) == 1, "chosen beforehand")
        #expect(try table.delete([1]) == 0, "quiet")
    }

    @Test func chosenIdsHaveRowsFromTheStart() throws {
        let temporary = try TemporaryStore()
        let scheme = Scheme.frequencyDoubleHashed(own: 20, shared: 10, score: .count)
        var table = try temporary.store.createTable(
            named: "t", Self.schema(scheme, dimension: 2, admitAfter: 1000))
        let chosen = Array(100..<120 as Range<UInt64>)
        #expect(try table.admit(chosen + [7]) == 20)
        #expect(try table.admit(chosen) == 0)
        try table.push([100, 7], [1, 2, 3, 4])
        try temporary.reopen()
        table = try temporary.store.table(named: "t")
        #expect(try table.pull([100, 101]) == [-1, -2, 0, 0])
        #expect(table.statistics().admission?.owners == 20)
        let full = try temporary.store.createTable(named: "full", .exact(dimension: 2))
        #expect(throws: StoreError.self) { try full.admit([1]) }
    }

    @Test(arguments: schemes)
    func assignedRowsAreTheIdsOwn(scheme: Scheme) throws {
        let temporary = try TemporaryStore()
        let table = try temporary.store.createTable(named: "t", Self.schema(scheme, dimension: 2))
        try table.assign([5, 6, 5], [1, 2, 3, 4, 5, 6])
        #expect(try table.pull([5, 6, 7], create: false) == [5, 6, 3, 4, 0, 0])
        #expect(try table.contains([5, 6]) == [true, true])
        #expect(try table.delete([5, 5, 7]) == 1)
        #expect(try table.pull([5, 6], create: false) == [0, 0, 3, 4])
    }

    /// The last ids below 2^64 have the keys of shared rows: they are served those, for good.
    @Test(arguments: schemes)
    func everyIdIsServed(scheme: Scheme) throws {
        let temporary = try TemporaryStore()
        let table = try temporary.store.createTable(named: "t", Self.schema(scheme, dimension: 1))
        let ids: [UInt64] = [0, .max, .max - 1, .max - 699, 1 << 63]
        for _ in 0..<5 { try table.push(ids, [1, 1, 1, 1, 1]) }
        #expect(try table.pull(ids, create: false).allSatisfy { $0 < 0 })
        #expect(try table.pull(ids).allSatisfy { $0 < 0 })
        #expect(try table.delete([.max]) == 0)
    }

    /// A push that displaces who has just got its row leaves none behind that nobody owns.
    @Test func noRowIsWithoutItsOwner() throws {
        let temporary = try TemporaryStore()
        let scheme = Scheme.frequencyDoubleHashed(own: 1, shared: 10, score: .gradientNorm)
        var schema = Self.schema(scheme, dimension: 1)
        for seed in 0..<30 as Range<UInt64> {
            schema.seed = seed
            let table = try temporary.store.createTable(named: "\(seed)", schema)
            for _ in 0..<4 { try table.push([1], [0.01]) }
            for _ in 0..<8 { try table.push([2, 3], [10, 1000]) }
            let rows = table.rows.absentHot([1, 2, 3]).count { !$0 }
            #expect(rows == table.statistics().admission?.owners, "seed \(seed)")
            try temporary.store.dropTable(table)
        }
    }

    // MARK: what fails

    /// What is refused for its sums leaves no rows, wherever the others are.
    @Test(arguments: schemes, [false, true])
    func aRefusedPushAdmitsNobody(scheme: Scheme, onDisk: Bool) throws {
        let temporary = try TemporaryStore(demotesInBackground: false)
        let table = try temporary.store.createTable(named: "t", Self.schema(scheme, dimension: 1))
        if onDisk {
            try table.assign([100], [1])
            try demoteEverything(of: table)
        }
        for _ in 0..<2 { try table.push([6], [1]) }
        let before = table.count
        let large = Float.greatestFiniteMagnitude
        #expect(throws: StoreError.nonFinite("a sum of gradients")) {
            try table.push([6, 6], [large, large])
        }
        #expect(table.count == before)
        #expect(table.rows.absentHot([6]) == [true])
        // It is as near to its row as it was.
        try table.push([6], [1])
        #expect(table.rows.absentHot([6]) == [false])
        #expect(try table.pull([6], create: false)[0] < -2)
    }

    /// Two epochs without ids below 10,000.
    private func passTime(_ table: Table) throws {
        let others = Array(10_000..<14_096 as Range<UInt64>)
        for _ in 0..<40 { try table.push(others, Array(repeating: 0, count: others.count)) }
    }

    /// Who goes quiet while the disk fails keeps its row, and whoever came along is not refused; the
    /// row goes later.
    @Test func aSweepThatFailsLeavesRowsToTheirOwners() throws {
        let faulty = try FaultyStore()
        // Nobody else earns a row.
        let table = try faulty.store.createTable(
            named: "t",
            Self.schema(
                .frequencyDoubleHashed(own: 100, shared: 100, score: .count), dimension: 1,
                admitAfter: 1000))
        try table.assign([1], [7])
        try demoteEverything(of: table)
        faulty.cold.fail(.write)
        try passTime(table)
        faulty.cold.recover()
        #expect(table.admitted?.admission.standings(of: [1], nil) == [.own])
        #expect(try table.pull([1], create: false) == [7])
        try passTime(table)
        #expect(table.admitted?.admission.standings(of: [1], nil) == [.shared])
        #expect(try !table.rows.cold.read([1], table: table.number).hasValues)
        #expect(table.rows.absentHot([1]) == [true])
    }

    /// Nobody takes a row's place whose row could not be deleted.
    @Test func aDisplacementThatFailsChangesNobody() throws {
        let faulty = try FaultyStore()
        let scheme = Scheme.frequencyDoubleHashed(own: 1, shared: 10, score: .count)
        var schema = Self.schema(scheme, dimension: 1)
        var failures = 0
        // Whom an id displaces it looks for in a few places, by the seed.
        for seed in 0..<16 as Range<UInt64> {
            schema.seed = seed
            let table = try faulty.store.createTable(named: "\(seed)", schema)
            for _ in 0..<4 { try table.push([1], [1]) }
            try demoteEverything(of: table)
            let row = try table.pull([1], create: false)
            try demoteEverything(of: table)
            faulty.cold.fail(.write)
            for _ in 0..<12 {
                do { try table.push([2], [0]) } catch {
                    #expect(error == FaultyColdTier.failure)
                    failures += 1
                }
            }
            faulty.cold.recover()
            #expect(table.admitted?.admission.standings(of: [1, 2], nil) == [.own, .shared])
            #expect(table.statistics().admission?.owners == 1)
            #expect(table.statistics().admission?.retirements == 0)
            #expect(try table.pull([1], create: false) == row)
            #expect(table.rows.absentHot([2]) == [true])
            try faulty.store.dropTable(table)
        }
        #expect(failures > 0)
    }

    // MARK: many at once

    /// Each id alone in its field: whether it shares or owns, a push moves it by one.
    @Test(arguments: 0..<8) func nothingIsLostBetweenSharingAndOwning(round: Int) throws {
        let temporary = try TemporaryStore()
        let schema = Self.schema(
            .frequencyFiltered(.exact), dimension: 1, admitAfter: 20, fieldBits: 8)
        let table = try temporary.store.createTable(named: "t", schema)
        let ids = (0..<64).map { UInt64($0) << 56 | 3 }
        let threads = (0..<4).map { thread in
            BlockingTask {
                var random = SeededGenerator(seed: UInt64(4 * round + thread))
                for _ in 0..<50 {
                    let batch = ids.shuffled(using: &random)
                    try table.push(batch, Array(repeating: 1, count: 64))
                    _ = try table.pull(batch)
                }
            }
        }
        for thread in threads { try thread.value() }
        expectAll(try table.pull(ids, create: false), are: -200)
        #expect(table.statistics().admission?.admissions == 64)
    }
}
