import Foundation
import Testing

@testable import EmbeddingStore

/// Many threads, little memory: what every thread has done is there at the end, exactly.
@Suite(.serialized) struct StoreConcurrencyTests {
    private static let dimension = 24
    private static let secondsMax = 4.0

    @Test func sumsAreExactWhateverRunsMeanwhile() throws {
        let seed = UInt64.random(in: 0...999_999)
        print("concurrency: seed \(seed)")
        let temporary = try TemporaryStore(memoryBytes: 1 << 20)
        let store = temporary.store
        let table = try store.createTable(named: "t", .exact(dimension: Self.dimension))
        let threads =
            (0..<3).map { number in
                BlockingTask { [self] in try push(table, seed: seed + UInt64(number)) }
            } + [
                BlockingTask { [self] in try delete(table, seed: seed + 77) },
                BlockingTask { [self] in try checkpoints(store) },
            ]
        var sums: [UInt64: Float] = [:]
        var deleted: [UInt64: Float?] = [:]
        for thread in threads {
            switch try thread.value() {
            case .pushed(let mine): sums.merge(mine, uniquingKeysWith: +)
            case .deleted(let rows): deleted = rows
            case .copied(let copies): #expect(copies > 0)
            }
        }

        #expect(table.statistics().demotions > 1000 && table.statistics().promotions > 1000, "\(table.statistics())")
        #expect(table.count == sums.count + deleted.values.count { $0 != nil }, "seed \(seed)")
        var expected = sums
        for (id, value) in deleted { expected[id] = value ?? 0 }
        let wrong = try wrongRows(table, expected)
        #expect(wrong.isEmpty, "seed \(seed): \(wrong.count) rows, such as \(wrong.prefix(3))")
        let found = try table.contains(Array(deleted.keys))
        #expect(zip(deleted.values, found).allSatisfy { ($0 != nil) == $1 }, "seed \(seed)")

        try temporary.reopen()
        let reopened = try temporary.store.table(named: "t")
        let wrongAfterwards = try wrongRows(reopened, expected)
        #expect(wrongAfterwards.isEmpty, "seed \(seed): \(wrongAfterwards.count) rows after reopening")
    }

    /// The disk fails for moments at a time. What was acknowledged is there, what was refused is not.
    @Test func aPushIsAppliedWholeOrNotAtAllWhileTheDiskFails() throws {
        let seed = UInt64.random(in: 0...999_999)
        print("concurrency with a failing disk: seed \(seed)")
        let faulty = try FaultyStore(demotesInBackground: true)
        let table = try faulty.store.createTable(named: "t", .exact(dimension: Self.dimension))
        let cold = faulty.cold
        let breaker = BlockingTask {
            var random = SeededGenerator(seed: seed)
            let ends = Date(timeIntervalSinceNow: Self.secondsMax - 1)
            var failures = 0
            while Date() < ends {
                Thread.sleep(forTimeInterval: .random(in: 0.02...0.1, using: &random))
                let operation: FaultyColdTier.Operation = Bool.random(using: &random) ? .read : .write
                cold.fail(operation, after: Int.random(in: 0...3, using: &random))
                Thread.sleep(forTimeInterval: 0.02)
                cold.recover()
                failures += 1
            }
            return failures
        }
        let pushers = (0..<3).map { number in
            BlockingTask { [self] in try push(table, seed: seed + UInt64(number), failing: true) }
        }
        var sums: [UInt64: Float] = [:]
        for pusher in pushers {
            if case .pushed(let mine) = try pusher.value() { sums.merge(mine, uniquingKeysWith: +) }
        }
        #expect(try breaker.value() > 5)
        // Ids of which every push was refused may have a row, made for a push at the same time, but one that nobody stepped.
        for id in 0..<20_000 as Range<UInt64> where sums[id] == nil { sums[id] = 0 }
        let wrong = try wrongRows(table, sums)
        #expect(wrong.isEmpty, "seed \(seed): \(wrong.count) rows, such as \(wrong.prefix(3))")
        // No pin is left.
        try demoteEverything(of: table)
        #expect(table.statistics().hot.rows == 0, "seed \(seed)")
        try faulty.store.close()
        try faulty.open()
        let wrongAfterwards = try wrongRows(faulty.store.table(named: "t"), sums)
        #expect(wrongAfterwards.isEmpty, "seed \(seed): \(wrongAfterwards.count) rows after reopening")
    }

    private enum Outcome: Sendable {
        /// What was added to each id by one thread.
        case pushed([UInt64: Float])
        /// What each of the deleting thread's own ids has at the end; nil for no row.
        case deleted([UInt64: Float?])
        case copied(Int)
    }

    /// `failing`: the disk's error is no error of the test, and a push that got it was not made.
    private func push(_ table: Table, seed: UInt64, failing: Bool = false) throws -> Outcome {
        let ends = Date(timeIntervalSinceNow: Self.secondsMax)
        var random = SeededGenerator(seed: seed)
        var sums: [UInt64: Float] = [:]
        while goesOn(table, ends) {
            let ids = (0..<150).map { _ in UInt64(Int(pow2Skewed: 20_000, using: &random)) }
            let gains = ids.map { _ in Float(Int.random(in: 1...3, using: &random)) }
            let sample = Array(ids[..<20])
            let gradients = zip(ids, gains).flatMap { Array(repeating: -$1, count: Self.dimension) }
            guard try attempt(failing, { try table.push(ids, gradients) }) else { continue }
            for (id, gain) in zip(ids, gains) { sums[id, default: 0] += gain }
            var rows: [Float] = []
            guard try attempt(failing, { rows = try table.pull(sample) }) else { continue }
            // A row is never torn: all of its elements have had the same pushes.
            for (at, id) in sample.enumerated() {
                let row = rows[at * Self.dimension..<(at + 1) * Self.dimension]
                // At least what this thread has added: others only add.
                if !Array(row).allAre(row.first!) || row.first! < sums[id]! {
                    Issue.record("seed \(seed), id \(id): \(row.first!) \(row.last!), not \(sums[id]!)")
                }
            }
        }
        return .pushed(sums)
    }

    /// For a few seconds, and on a slow machine until rows have moved between the tiers.
    private func goesOn(_ table: Table, _ ends: Date) -> Bool {
        let now = Date()
        return now < ends || (now < ends + 20 && table.statistics().promotions <= 1000)
    }

    /// Whether `body` was done; with `failing` the disk's error is none of the test's.
    private func attempt(_ failing: Bool, _ body: () throws -> Void) throws -> Bool {
        do {
            try body()
            return true
        } catch {
            guard failing, error as? StoreError == FaultyColdTier.failure else { throw error }
            return false
        }
    }

    private func delete(_ table: Table, seed: UInt64) throws -> Outcome {
        let ends = Date(timeIntervalSinceNow: Self.secondsMax)
        var random = SeededGenerator(seed: seed)
        var rows: [UInt64: Float?] = [:]
        while goesOn(table, ends) {
            let ids = Array(Set((0..<100).map { _ in 1 << 40 + UInt64.random(in: 0..<5000, using: &random) }))
            if Bool.random(using: &random) {
                let there = ids.count { (rows[$0] ?? nil) != nil }
                let deleted = try table.delete(ids)
                #expect(deleted == there, "seed \(seed)")
                for id in ids { rows[id] = .some(nil) }
            } else {
                try table.push(ids, Array(repeating: -1, count: ids.count * Self.dimension))
                for id in ids { rows[id] = .some(((rows[id] ?? nil) ?? 0) + 1) }
            }
        }
        return .deleted(rows)
    }

    private func checkpoints(_ store: Store) throws -> Outcome {
        let ends = Date(timeIntervalSinceNow: Self.secondsMax)
        var count = 0
        while Date() < ends {
            let path = NSTemporaryDirectory() + "thermocline-\(UUID().uuidString)"
            defer { try? FileManager.default.removeItem(atPath: path) }
            let rows = try store.checkpoint(to: path).rows
            let copy = try Store(path: path, options: .init(memoryBytes: 1 << 20))
            defer { try? copy.close() }
            #expect(try copy.table(named: "t").count == rows)
            count += 1
            Thread.sleep(forTimeInterval: 0.2)
        }
        return .copied(count)
    }

    private func wrongRows(_ table: Table, _ expected: [UInt64: Float]) throws -> [UInt64] {
        let ids = Array(expected.keys)
        var wrong: [UInt64] = []
        for start in stride(from: 0, to: ids.count, by: 1000) {
            let batch = Array(ids[start..<min(start + 1000, ids.count)])
            let rows = try table.pull(batch, create: false)
            for (at, id) in batch.enumerated()
            where !Array(rows[at * Self.dimension..<(at + 1) * Self.dimension]).allAre(expected[id]!) {
                wrong.append(id)
            }
        }
        return wrong
    }
}
