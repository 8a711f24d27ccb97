import Testing

@testable import EmbeddingStore

/// The mapping from ids to shared rows.
@Suite struct SharedKeysTests {
    private static func keys(_ scheme: Scheme, seed: UInt64 = 0, fieldBits: Int = 0) -> SharedKeys {
        SharedKeys(TableSchema(dimension: 4, scheme: scheme, seed: seed, fieldBits: fieldBits))!
    }

    /// Numbers that another program has computed from the description: tables outlive processes.
    @Test(
        arguments: [
            (0, 0, 306, 95), (0, 1, 330, 782), (0, 12_345_678_901_234_567_890, 513, 348),
            (0, .max, 191, 391), (7, 0, 872, 713), (7, 12_345_678_901_234_567_890, 628, 109),
            (.max, 1, 984, 981), (.max, .max, 586, 891),
        ] as [(UInt64, UInt64, UInt64, UInt64)])
    func isTheSameInEveryProcess(seed: UInt64, id: UInt64, first: UInt64, second: UInt64) {
        let double = Self.keys(.doubleHashed(rows: 1000, combine: .sum), seed: seed)
        #expect(~double.first(id) == first)
        #expect(~double.second(id) == second)
        #expect(~Self.keys(.hashed(rows: 1000), seed: seed).first(id) == first)
    }

    /// n ids on B rows: two meet in both of their rows with probability 1 / B², in the same order.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func pairsCollideAsOftenAsTheSquareSays(seed: UInt64) {
        let rows = 300
        let count = 60_000
        let keys = Self.keys(.doubleHashed(rows: rows, combine: .sum), seed: seed)
        var random = SeededGenerator(seed: seed)
        struct Pair: Hashable { var first, second: UInt64 }
        var seen: [Pair: Int] = [:]
        var perRow = [Int](repeating: 0, count: rows)
        for number in 0..<count {
            // Ids as they come: some random, some one after the other.
            let id = number % 2 == 0 ? random.next() : UInt64(number)
            let pair = Pair(first: keys.first(id), second: keys.second(id))
            seen[pair, default: 0] += 1
            perRow[Int(~pair.first)] += 1
            perRow[Int(~pair.second)] += 1
        }
        let collisions = Double(seen.values.reduce(0) { $0 + $1 * ($1 - 1) / 2 })
        let expected = Double(count) * Double(count - 1) / 2 / Double(rows * rows)
        #expect(
            abs(collisions - expected) < 5 * expected.squareRoot(), "\(collisions), \(expected)")
        let mean = Double(2 * count) / Double(rows)
        #expect(perRow.allSatisfy { abs(Double($0) - mean) < 6 * mean.squareRoot() })
    }

    @Test func quotientAndRemainderTellAllIdsApart() {
        let keys = Self.keys(.quotientRemainder(rows: 100, combine: .sum))
        struct Pair: Hashable { var first, second: UInt64 }
        let pairs = Set((0..<10_000).map { Pair(first: keys.first($0), second: keys.second($0)) })
        #expect(pairs.count == 10_000)
        #expect(Set(pairs.map(\.first)).count == 100)
        #expect(Set(pairs.map(\.second)).count == 100)
        #expect(keys.first(.max) == UInt64.max / 100)
    }

    @Test func idsShareTheRowOfTheirField() {
        let keys = Self.keys(.frequencyFiltered(.exact), fieldBits: 8)
        #expect(keys.first(0x05_00_00_00_00_00_00_07) == ~5)
        #expect(keys.first(.max) == ~255)
        #expect(Self.keys(.frequencyFiltered(.exact)).first(.max) == ~0)
    }

    @Test(arguments: [
        Initializer.uniform(low: -0.2, high: 0.6), .normal(mean: 0.3, deviation: 0.5),
    ])
    func sumsStartAsOwnRowsDo(initializer: Initializer) throws {
        func moments(_ scheme: Scheme) throws -> (mean: Double, variance: Double) {
            let temporary = try TemporaryStore()
            let schema = TableSchema(
                dimension: 16, initializer: initializer, scheme: scheme, seed: 5)
            let table = try temporary.store.createTable(named: "t", schema)
            let values = try table.pull(Array(0..<20_000)).map(Double.init)
            let mean = values.reduce(0, +) / Double(values.count)
            return (
                mean, values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
            )
        }
        let own = try moments(.full)
        let sum = try moments(.doubleHashed(rows: 5000, combine: .sum))
        #expect(abs(own.mean - sum.mean) < 0.01)
        #expect(abs(own.variance / sum.variance - 1) < 0.03)
    }
}
