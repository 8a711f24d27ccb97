import Foundation
import Testing

@testable import EmbeddingStore

/// Rows that are removed because they are seldom used, or have not been for long.
@Suite struct ShrinkTests {
    private let ids = Array(0..<3000 as Range<UInt64>)

    private func ones(_ count: Int, _ dimension: Int = 8) -> [Float] {
        Array(repeating: 1, count: count * dimension)
    }

    @Test(arguments: [false, true])
    func rareRowsGo(onDisk: Bool) throws {
        let crashed = try CrashedStore()
        let table = try crashed.store.createTable(named: "t", .exact(dimension: 8))
        try table.assign(ids, ones(3000))
        for _ in 0..<7 { _ = try table.pull(Array(ids[..<1000])) }
        if onDisk { try demoteEverything(of: table) }
        #expect(try table.shrink() == 0)
        #expect(try table.shrink(minFrequency: 4) == 2000)
        #expect(table.count == 1000)
        #expect(table.statistics().evictions == 2000)
        #expect(try table.contains(ids) == ids.map { $0 < 1000 })
        #expect(try table.shrink(minFrequency: 4) == 0)
        let survivor = try CrashedStore.open(try crashed.die())
        defer { try? survivor.close() }
        let survived = try survivor.table(named: "t")
        #expect(survived.count == 1000)
        #expect(try survived.contains(ids) == ids.map { $0 < 1000 })
        expectAll(try survived.pull(Array(ids[..<1000]), create: false), are: 1)
    }

    /// The last id is one like all others.
    @Test(arguments: [false, true])
    func theLastIdGoesToo(onDisk: Bool) throws {
        let temporary = try TemporaryStore()
        let table = try temporary.store.createTable(named: "t", .exact(dimension: 8))
        try table.assign([.max], ones(1))
        if onDisk { try demoteEverything(of: table) }
        #expect(try table.shrink(minFrequency: 100) == 1)
        #expect(table.count == 0)
    }

    @Test(arguments: [false, true])
    func oldRowsGo(onDisk: Bool) throws {
        let time = TestClock()
        let temporary = try TemporaryStore(clock: time.clock)
        let table = try temporary.store.createTable(named: "t", TimeToLiveTests.schema())
        try table.assign(ids, ones(3000))
        time.advance(100)
        _ = try table.pull(Array(ids[..<1000]), create: false)
        time.advance(100)
        if onDisk { try demoteEverything(of: table) }
        #expect(try table.shrink(maxAge: 200) == 0)
        #expect(try table.shrink(maxAge: 199) == 2000)
        #expect(try table.contains(ids) == ids.map { $0 < 1000 })
        #expect(table.count == 1000)
    }

    @Test func anAgeNeedsATimeToLive() throws {
        let temporary = try TemporaryStore()
        let table = try temporary.store.createTable(named: "t", .exact(dimension: 8))
        #expect {
            try table.shrink(maxAge: 1)
        } throws: { error in
            if case .unsupported(let detail) = error as? StoreError {
                detail.contains("'t'")
            } else {
                false
            }
        }
        #expect(throws: StoreError.self) { try table.shrink(minFrequency: -1) }
    }

    /// What many ids share, or all of them are made of, is not rare; at most it expires.
    @Test(arguments: [
        Scheme.hashed(rows: 50), .doubleHashed(rows: 50, combine: .sum),
        .quotientRemainder(rows: 50, combine: .multiply), .deepHash(hashes: 8, hidden: 4),
    ])
    func rowsThatBelongToNoIdStay(scheme: Scheme) throws {
        let time = TestClock()
        let temporary = try TemporaryStore(clock: time.clock, removesExpiredRows: false)
        var schema = TimeToLiveTests.schema()
        schema.scheme = scheme
        var isNetwork = false
        if case .deepHash = scheme {
            isNetwork = true
            #expect(throws: StoreError.self) { try temporary.store.createTable(named: "t", schema) }
            schema.timeToLive = 0
        }
        let table = try temporary.store.createTable(named: "t", schema)
        try table.push(ids, ones(3000))
        let rows = try table.pull(ids, create: false)
        let count = table.count
        #expect(throws: StoreError.unsupported(Self.noneIsRare)) {
            try table.shrink(minFrequency: 1000)
        }
        #expect(throws: StoreError.unsupported(Self.noneIsRare)) { try table.shrink(maxAge: 0) }
        try table.push(ids, Array(repeating: 0, count: 3000 * 8))
        expectRows(try table.pull(ids, create: false), rows)
        #expect(try table.shrink() == 0)
        time.advance(TimeToLiveTests.seconds + 1)
        #expect(try table.shrink() == (isNetwork ? 0 : count))
    }

    private static let noneIsRare =
        "table 't' has no rows that belong to one id, so no id is rare or old"

    /// Who has found a row of its own, and is about to push to it, is not left without.
    @Test func ownRowsGoWhileNobodyPushes() throws {
        let temporary = try TemporaryStore()
        let table = try temporary.store.createTable(
            named: "t", AdmittedRowsTests.schema(.frequencyFiltered(.exact), dimension: 8))
        try table.assign([5], ones(1))
        let gate = try #require(table.admitted?.gate)
        gate.enter()
        let shrinking = BlockingTask { try table.shrink(minFrequency: 1000) }
        Thread.sleep(forTimeInterval: 0.5)
        #expect(table.rows.absentHot([5]) == [false])
        gate.leave()
        #expect(try shrinking.value() == 1)
        #expect(table.rows.absentHot([5]) == [true])
    }

    @Test func rowsThatAPushHasPinnedStay() throws {
        let temporary = try TemporaryStore()
        let table = try temporary.store.createTable(named: "t", .exact(dimension: 8))
        try table.assign(ids, ones(3000))
        let loaded = try table.rows.load(Array(ids[..<10]), create: true, pin: true) { _, _ in }
        #expect(try table.shrink(minFrequency: 100) == 2990)
        table.rows.undo(loaded)
        #expect(try table.shrink(minFrequency: 100) == 10)
        #expect(table.count == 0)
    }

    /// The disk fails when the copies should go: nothing is counted twice, and the next call does it.
    @Test func aDiskThatFailsLeavesTheCountsRight() throws {
        let faulty = try FaultyStore()
        let table = try faulty.tableOnDisk(ids: ids)
        faulty.cold.fail(.write)
        #expect(throws: FaultyColdTier.failure) { try table.shrink(minFrequency: 100) }
        faulty.cold.recover()
        #expect(table.count == 3000)
        #expect(try table.shrink(minFrequency: 100) == 3000)
        #expect(table.count == 0)
        #expect(try table.contains(ids).allSatisfy { !$0 })
    }

    /// Others read and push the same rows meanwhile: whoever remains is whole, and the counts agree
    /// with what is there.
    @Test func requestsGoOnMeanwhile() throws {
        let temporary = try TemporaryStore(memoryBytes: 1 << 20)
        let table = try temporary.store.createTable(named: "t", .exact(dimension: 32))
        let ids = Array(0..<20_000 as Range<UInt64>)
        let users = (0..<2 as Range<UInt64>).map { number in
            BlockingTask {
                var random = SeededGenerator(seed: number)
                for _ in 0..<60 {
                    let start = Int.random(in: 0..<ids.count - 500, using: &random)
                    let some = Array(ids[start..<start + 500])
                    try table.push(some, Array(repeating: -1, count: 500 * 32))
                    let rows = try table.pull(some, create: false)
                    for at in some.indices {
                        let row = rows[at * 32..<at * 32 + 32]
                        #expect(row.allSatisfy { $0 == row.first }, "a row is torn")
                    }
                }
            }
        }
        var removed = 0
        for round in 0..<20 { removed += try table.shrink(minFrequency: round % 3 + 2) }
        for user in users { try user.value() }
        // On a busy machine all rounds may have been over before the others began.
        removed += try table.shrink(minFrequency: 2)
        removed += try table.shrink(minFrequency: 1000)
        #expect(removed > 0)
        #expect(table.statistics().evictions == removed)
        #expect(table.count == (try table.contains(ids)).count { $0 })
    }

    // MARK: everything at once

    /// A row as it should be.
    private struct Expected {
        var value: Float
        var lastUse: UInt32
        var lastWrite: UInt32
    }

    /// Little memory, rows that move between tiers, expire, are shrunk away, deleted and made again;
    /// then a checkpoint that is opened as a store, and a death.
    @Test(arguments: [1, 2] as [UInt64])
    func everythingAtOnce(seed: UInt64) throws {
        let time = TestClock(1_600_000)
        let crashed = try CrashedStore(
            memoryBytes: 1 << 20, logBytesMax: 8 << 20, clock: time.clock)
        let table = try crashed.store.createTable(
            named: "t", TimeToLiveTests.schema(dimension: 32))
        let ids = Array(0..<20_000 as Range<UInt64>)
        var model: [UInt64: Expected] = [:]
        var random = SeededGenerator(seed: seed)
        func isAlive(_ id: UInt64) -> Bool {
            model[id].map { Int(time.now - $0.lastUse) <= TimeToLiveTests.seconds } ?? false
        }
        for step in 0..<300 {
            let start = Int.random(in: 0..<ids.count - 600, using: &random)
            let batch = Array(ids[start..<start + Int.random(in: 1...600, using: &random)])
            switch Int.random(in: 0..<12, using: &random) {
            case 0..<5:
                try table.push(batch, Array(repeating: -1, count: batch.count * 32))
                for id in batch {
                    model[id] = Expected(
                        value: (isAlive(id) ? model[id]!.value : 0) + 1, lastUse: time.now,
                        lastWrite: time.now)
                }
            case 5, 6:
                let rows = try table.pull(batch)
                for (at, id) in batch.enumerated() {
                    if !isAlive(id) {
                        model[id] = Expected(value: 0, lastUse: time.now, lastWrite: time.now)
                    }
                    model[id]!.lastUse = time.now
                    #expect(rows[at * 32] == model[id]!.value, "seed \(seed), step \(step)")
                }
            case 7, 8:
                let found = try table.contains(batch)
                #expect(found == batch.map(isAlive), "seed \(seed), step \(step)")
                for id in batch where isAlive(id) { model[id]!.lastUse = time.now }
            case 9:
                // A whole slot: the times on disk are exact.
                time.advance(100)
            case 10:
                let age = Int.random(in: 5...16, using: &random) * 100
                _ = try table.shrink(maxAge: age)
                model = model.filter { Int(time.now - $0.value.lastUse) <= age }
                #expect(table.count == model.count, "seed \(seed), step \(step)")
            default:
                _ = try table.delete(batch)
                for id in batch { model[id] = nil }
            }
        }
        #expect(table.statistics().demotions > 1000)
        #expect(table.statistics().evictions > 1000)

        let path = crashed.temporary.path + "-checkpoint"
        defer { try? FileManager.default.removeItem(atPath: path) }
        _ = try crashed.store.checkpoint(to: path)
        let died = try crashed.die()
        let copy = try CrashedStore.open(path, memoryBytes: 1 << 20, clock: time.clock)
        try check(copy, ids, model, time, isExact: true)
        // Uses that were no writes may be lost; but a checkpoint has written them.
        let survivor = try CrashedStore.open(died, memoryBytes: 1 << 20, clock: time.clock)
        try check(survivor, ids, model, time, isExact: false)
    }

    private func check(
        _ store: Store, _ ids: [UInt64], _ model: [UInt64: Expected], _ time: TestClock,
        isExact: Bool
    ) throws {
        defer { try? store.close() }
        let table = try store.table(named: "t")
        _ = try table.shrink()
        let found = try table.contains(ids)
        let rows = try table.pull(ids, create: false)
        #expect(table.count == found.count { $0 })
        var wrong = 0
        for (at, id) in ids.enumerated() {
            guard let expected = model[id],
                Int(time.now - expected.lastUse) <= TimeToLiveTests.seconds
            else {
                if found[at] { wrong += 1 }
                continue
            }
            let isWritten = Int(time.now - expected.lastWrite) <= TimeToLiveTests.seconds
            if !found[at], isExact || isWritten { wrong += 1 }
            if found[at], rows[at * 32] != expected.value { wrong += 1 }
        }
        #expect(wrong == 0)
    }
}
