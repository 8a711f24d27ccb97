import Foundation
import NIOConcurrencyHelpers
import Testing

@testable import EmbeddingStore

/// What a start makes of the log that a process left behind when it died.
@Suite struct RecoveryTests {
    private static let ids = Array(0..<2000 as Range<UInt64>)

    /// Every optimizer and hot precision, bit for bit: what is pulled before the death is pulled
    /// after it, and the next steps come out the same, roundings included.
    @Test(arguments: [Precision.float32, .float16, .int16, .int8], [Precision.float32, .float16])
    func rowsAndWhatFollowsAreTheSameBitForBit(precision: Precision, state: Precision) throws {
        let optimizers: [Optimizer] = [
            .sgd(learningRate: 0.1), .momentum(learningRate: 0.1, momentum: 0.9),
            .adagrad(learningRate: 0.1, initialAccumulator: 0, epsilon: 1e-10),
            .rowwiseAdagrad(learningRate: 0.1, initialAccumulator: 0, epsilon: 1e-10),
            .adam(learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8),
            .ftrl(alpha: 0.1, beta: 1, l1: 0.01, l2: 0.01),
        ]
        let crashed = try CrashedStore()
        var generator = SeededGenerator(seed: 11)
        for (number, optimizer) in optimizers.enumerated() {
            let table = try crashed.store.createTable(
                named: "t\(number)",
                TableSchema(
                    dimension: 7, optimizer: optimizer, initializer: .uniform(low: -1, high: 1),
                    hotPrecision: precision, coldPrecision: .int8, seed: 3, statePrecision: state))
            for _ in 0..<5 { try Self.push(table, &generator) }
        }
        let died = try crashed.die()
        let survivor = try CrashedStore.open(died)
        defer { try? survivor.close() }
        #expect(survivor.recovery.entries == 5 * optimizers.count)
        var other = generator
        for number in optimizers.indices {
            let (before, after) = (
                try crashed.store.table(named: "t\(number)"),
                try survivor.table(named: "t\(number)")
            )
            #expect(after.count == before.count)
            expectRows(try after.pull(Self.ids), try before.pull(Self.ids))
            try Self.push(before, &generator)
            try Self.push(after, &other)
            expectRows(try after.pull(Self.ids), try before.pull(Self.ids), "after another push")
        }
    }

    private static func push(_ table: Table, _ generator: inout SeededGenerator) throws {
        let some = ids.filter { _ in Bool.random(using: &generator) }
        try table.push(
            some,
            (0..<some.count * table.schema.dimension).map { _ in
                Float.random(in: -1...1, using: &generator)
            })
    }

    /// Rows that were deleted, made again and demoted before the death are on disk alone: doing the
    /// deletion again must not take them from there.
    @Test func rowsThatWereMadeAgainAfterADeletionAreThere() throws {
        let crashed = try CrashedStore(memoryBytes: 1 << 20)
        let table = try crashed.store.createTable(named: "t", .exact(dimension: 32))
        let again = Array(0..<100 as Range<UInt64>)
        let gone = Array(100..<200 as Range<UInt64>)
        try table.assign(again + gone, [Float](repeating: 1, count: 200 * 32))
        _ = try table.delete(again + gone)
        try table.assign(again, [Float](repeating: 2, count: 100 * 32))
        // Four times the memory, used twice, so that the others leave.
        for start in stride(from: 1000 as UInt64, to: 31_000, by: 1000) {
            for _ in 0..<2 {
                try table.assign(
                    Array(start..<start + 1000), [Float](repeating: 3, count: 1000 * 32))
            }
        }
        let survivor = try CrashedStore.open(try crashed.die(), memoryBytes: 1 << 20)
        defer { try? survivor.close() }
        let rows = try survivor.table(named: "t")
        #expect(try rows.pull(again) == [Float](repeating: 2, count: 100 * 32))
        #expect(rows.count == 30_100)
    }

    /// Rows that come and go between tiers of different precision are served after the death as
    /// they were before it; and the death may come again, before anything has been cut.
    @Test func rowsThatMovedBetweenTiersAreTheSame() throws {
        let crashed = try CrashedStore(memoryBytes: 1 << 20, logBytesMax: 8 << 20)
        let table = try crashed.store.createTable(
            named: "t",
            TableSchema(
                dimension: 32,
                optimizer: .adagrad(learningRate: 0.1, initialAccumulator: 0, epsilon: 1e-10),
                initializer: .uniform(low: -1, high: 1), coldPrecision: .int8))
        let ids = Array(0..<20_000 as Range<UInt64>)
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<150 {
            let start = Int.random(in: 0..<ids.count - 500, using: &generator)
            let some = Array(ids[start..<start + 500])
            try table.push(
                some, (0..<500 * 32).map { _ in Float.random(in: -1...1, using: &generator) })
            _ = try table.pull(Array(ids.shuffled(using: &generator).prefix(300)), create: false)
        }
        #expect(table.statistics().demotions > 10_000)
        // What is served changes with every move; so the moves must stand still.
        let (path, before) = try crashed.store.coldWrites.withLock {
            let hot = Set(
                table.rows.shards.flatMap { shard in
                    (0..<shard.count).map { shard.key(at: $0) }
                })
            let path = NSTemporaryDirectory() + "thermocline-\(UUID().uuidString)"
            try FileManager.default.copyItem(atPath: crashed.temporary.path, toPath: path)
            let known = ids.filter { hot.contains($0) }
            return (path, (known, try table.pull(known, create: false)))
        }
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(before.0.count > 100)
        let survivor = try CrashedStore.open(path)
        let survived = try survivor.table(named: "t")
        #expect(survivor.recovery.rows > 0)
        // A row that a demotion had written to disk, and that stayed because it was used meanwhile,
        // may come back as it was written; all others are the same bit for bit.
        let after = try survived.pull(before.0, create: false)
        let changed = stride(from: 0, to: after.count, by: 32).filter {
            after[$0..<$0 + 32] != before.1[$0..<$0 + 32]
        }
        #expect(changed.count <= before.0.count / 50, "\(changed.count) of \(before.0.count) rows")
        for start in changed {
            let range = start..<start + 32
            let scale = before.1[range].reduce(0) { max($0, abs($1)) } / 127
            #expect(zip(after[range], before.1[range]).allSatisfy { abs($0 - $1) <= 1.01 * scale })
        }
        #expect(survived.count == table.count)
        let all = try survived.pull(ids, create: false)

        let again = NSTemporaryDirectory() + "thermocline-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: again) }
        try survivor.coldWrites.withLock {
            try FileManager.default.copyItem(atPath: path, toPath: again)
        }
        try survivor.close()
        // In so little memory that rows leave while the log is replayed.
        let second = try CrashedStore.open(again, memoryBytes: 1 << 20)
        defer { try? second.close() }
        // Once rows have left during a replay, later demotions are not believed: then a row is as it was
        // before it was rounded.
        let third = try second.table(named: "t").pull(ids, create: false)
        for start in stride(from: 0, to: all.count, by: 32) {
            let range = start..<start + 32
            let step = all[range].reduce(0) { max($0, abs($1)) } / 127
            #expect(
                zip(third[range], all[range]).allSatisfy { abs($0 - $1) <= 1.01 * step },
                "row \(start / 32) after two deaths")
        }
        #expect(try second.table(named: "t").count == table.count)
    }

    @Test func deletedRowsStayDeletedAndAssignedOnesComeBack() throws {
        let crashed = try CrashedStore()
        let table = try crashed.store.createTable(named: "t", .exact(dimension: 4))
        try table.assign([1, 2, 3, 4], (1...16).map(Float.init))
        #expect(try table.delete([2, 3, 99]) == 2)
        try table.assign([3], [7, 7, 7, 7])
        _ = try table.pull([50])
        let survivor = try CrashedStore.open(try crashed.die())
        defer { try? survivor.close() }
        let survived = try survivor.table(named: "t")
        #expect(try survived.contains([1, 2, 3, 4, 50]) == [true, false, true, true, true])
        #expect(survived.count == 4)
        expectRows(try survived.pull([3, 4]), [7, 7, 7, 7, 13, 14, 15, 16])
        #expect(try survived.delete([1, 3, 4, 50]) == 4)
        #expect(survived.count == 0)
    }

    /// A log that has been cut many times, and whose tables come and go.
    @Test func theLogIsCutAndStaysSmall() throws {
        let crashed = try CrashedStore(memoryBytes: 4 << 20, logBytesMax: 4 << 20)
        let dropped = try crashed.store.createTable(named: "dropped", .exact(dimension: 16))
        let table = try crashed.store.createTable(named: "t", .exact(dimension: 16))
        try dropped.push(Self.ids, Array(repeating: -1, count: Self.ids.count * 16))
        try crashed.store.dropTable(dropped)
        for _ in 0..<100 {
            try table.push(Self.ids, Array(repeating: -1, count: Self.ids.count * 16))
        }
        let died = try crashed.die()
        let bytes = try CrashedStore.logFiles(died).reduce(0) {
            $0 + (try FileManager.default.attributesOfItem(atPath: $1)[.size] as! Int)
        }
        // 16 MB have been logged. A rotation may add one segment to the bound.
        #expect(bytes <= 5 << 20, "\(bytes) bytes of log")
        let survivor = try CrashedStore.open(died, memoryBytes: 4 << 20)
        defer { try? survivor.close() }
        expectAll(try survivor.table(named: "t").pull(Self.ids, create: false), are: 100)
        #expect(survivor.tables.map(\.name) == ["t"])
    }

    /// Without durability nothing is logged, and a log that is there is replayed once.
    @Test func aStoreThatGoesOnWithoutDurabilityKeepsWhatWasLogged() throws {
        let crashed = try CrashedStore()
        let table = try crashed.store.createTable(named: "t", .exact(dimension: 4))
        try table.push([1, 2], Array(repeating: -1, count: 8))
        let died = try crashed.die()
        let volatile = try CrashedStore.open(died, durability: .none)
        #expect(volatile.recovery.rows == 2)
        #expect(try CrashedStore.logFiles(died).isEmpty)
        try volatile.table(named: "t").push([1], Array(repeating: -1, count: 4))
        try volatile.close()
        let survivor = try CrashedStore.open(died)
        defer { try? survivor.close() }
        #expect(survivor.recovery.entries == 0)
        expectRows(try survivor.table(named: "t").pull([1, 2]), [2, 2, 2, 2, 1, 1, 1, 1])
    }

    @Test func aStoreThatWasNotStoppedIsNotOpenedForReading() throws {
        let crashed = try CrashedStore()
        _ = try crashed.store.createTable(named: "t", .exact(dimension: 4)).pull([1])
        let died = try crashed.die()
        #expect {
            try Store(path: died, options: .init(memoryBytes: 1 << 20, isReadOnly: true))
        } throws: { error in
            guard case .badDataDirectory(let detail) = error as? StoreError else { return false }
            return detail.contains("not stopped cleanly")
        }
    }
}
