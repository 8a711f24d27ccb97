import Foundation
import Testing

@testable import EmbeddingStore

/// Many threads, little memory: what every thread has done is there at the end, exactly.
@Suite struct StoreConcurrencyTests {
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

    private enum Outcome: Sendable {
        /// What was added to each id by one thread.
        case pushed([UInt64: Float])
        /// What each of the deleting thread's own ids has at the end; nil for no row.
        case deleted([UInt64: Float?])
        case copied(Int)
    }

    private func push(_ table: Table, seed: UInt64) throws -> Outcome {
        let ends = Date(timeIntervalSinceNow: Self.secondsMax)
        var random = SeededGenerator(seed: seed)
        var sums: [UInt64: Float] = [:]
        while Date() < ends {
            let ids = (0..<150).map { _ in UInt64(Int(pow2Skewed: 20_000, using: &random)) }
            let gains = ids.map { _ in Float(Int.random(in: 1...3, using: &random)) }
            try table.push(ids, zip(ids, gains).flatMap { Array(repeating: -$1, count: Self.dimension) })
            for (id, gain) in zip(ids, gains) { sums[id, default: 0] += gain }
            // A row is never torn: all of its elements have had the same pushes.
            let sample = Array(ids[..<20])
            let rows = try table.pull(sample)
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

    private func delete(_ table: Table, seed: UInt64) throws -> Outcome {
        let ends = Date(timeIntervalSinceNow: Self.secondsMax)
        var random = SeededGenerator(seed: seed)
        var rows: [UInt64: Float?] = [:]
        while Date() < ends {
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
