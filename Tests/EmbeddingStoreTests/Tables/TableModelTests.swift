import Testing

@testable import EmbeddingStore

/// Random operations on a table that fits in memory by a small part only, against a dictionary.
@Suite struct TableModelTests {
    /// With float32 on both tiers every row is what the dictionary says, to the bit, restarts
    /// included.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func exactInFloat32(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let temporary = try TemporaryStore(memoryBytes: 1 << 20)
        let schema = TableSchema.exact(dimension: 24)
        var table = try temporary.store.createTable(named: "t", schema)
        var model: [UInt64: [Float]] = [:]
        // 20,000 rows of 112 bytes and more are twice the memory.
        let ids = (0..<20_000).map { _ in random.next() }

        for step in 0..<300 {
            let batch = (0..<Int.random(in: 0...400, using: &random)).map { _ in
                ids[Int(pow2Skewed: ids.count, using: &random)]
            }
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<3:
                let rows = try table.pull(batch)
                for id in batch where model[id] == nil { model[id] = zeros(24) }
                #expect(differences(rows, batch.map { model[$0]! }) == 0, "seed \(seed), step \(step)")
            case 3..<6:
                let gradients = batch.flatMap { _ in
                    (0..<24).map { _ in Float(Int.random(in: -3...3, using: &random)) }
                }
                try table.push(batch, gradients)
                for (at, id) in batch.enumerated() {
                    var row = model[id] ?? zeros(24)
                    for element in 0..<24 { row[element] -= gradients[at * 24 + element] }
                    model[id] = row
                }
            case 6:
                // Sums of these are exact in any order.
                let values = batch.flatMap { _ in
                    (0..<24).map { _ in Float(Int.random(in: -256...256, using: &random)) / 256 }
                }
                try table.assign(batch, values)
                for (at, id) in batch.enumerated() { model[id] = Array(values[at * 24..<at * 24 + 24]) }
            case 7:
                let deleted = try table.delete(batch)
                #expect(deleted == Set(batch).filter { model[$0] != nil }.count, "seed \(seed), step \(step)")
                for id in batch { model[id] = nil }
            case 8:
                let found = try table.contains(batch)
                let wrong = zip(batch, found).filter { id, found in (model[id] != nil) != found }
                #expect(wrong.isEmpty, "seed \(seed), step \(step)")
                let rows = try table.pull(batch, create: false)
                #expect(
                    differences(rows, batch.map { model[$0] ?? zeros(24) }) == 0, "seed \(seed), step \(step)")
            default:
                #expect(table.count == model.count, "seed \(seed), step \(step)")
                if step % 50 == 9 {
                    try temporary.reopen()
                    table = try temporary.store.table(named: "t")
                }
            }
        }
        #expect(table.count == model.count, "seed \(seed)")
        let all = Array(model.keys)
        for start in stride(from: 0, to: all.count, by: 1000) {
            let batch = Array(all[start..<min(start + 1000, all.count)])
            let rows = try table.pull(batch)
            #expect(differences(rows, batch.map { model[$0]! }) == 0, "seed \(seed), at the end")
        }
        let figures = table.statistics()
        #expect(figures.demotions > 0 && figures.promotions > 0, "the tiers were not exercised: \(figures)")
    }

    /// With int16 below, no value moves by more than one step of its row's scale each time the row
    /// is demoted, and the moves cancel out on average.
    @Test func int16MovesByOneStepAndNotToOneSide() throws {
        var random = SeededGenerator(seed: 7)
        let temporary = try TemporaryStore(memoryBytes: 1 << 20, demotesInBackground: false)
        var schema = TableSchema.exact(dimension: 16)
        schema.coldPrecision = .int16
        let table = try temporary.store.createTable(named: "t", schema)
        let ids = (0..<5000).map { _ in random.next() }
        let values = (0..<5000 * 16).map { _ in Float.random(in: -1...1, using: &random) }
        try table.assign(ids, values)
        try demoteEverything(of: table)
        #expect(table.statistics().hot.rows == 0)

        let rows = try table.pull(ids, create: false)
        var sum = 0.0
        var sumOfSquares = 0.0
        for row in 0..<ids.count {
            let range = row * 16..<(row + 1) * 16
            let step = values[range].map(abs).max()! / 32767
            for at in range {
                let moved = Double((rows[at] - values[at]) / step)
                #expect(abs(moved) <= 1.001, "element \(at) moved by \(moved) steps")
                sum += moved
                sumOfSquares += moved * moved
            }
        }
        let count = Double(values.count)
        let standardError = (sumOfSquares / count).squareRoot() / count.squareRoot()
        #expect(abs(sum / count) < 4 * standardError, "mean \(sum / count), standard error \(standardError)")

        // Once on the grid, a row stays there however often it moves.
        try demoteEverything(of: table)
        let again = try table.pull(ids, create: false)
        #expect(zip(again, rows).allSatisfy { $0 == $1 }, "rows on the grid have moved")
    }

    /// Optimizer state goes with the row: training with rows on the move equals training in memory.
    @Test(arguments: [
        Optimizer.momentum(learningRate: 0.1, momentum: 0.9),
        .adagrad(learningRate: 0.1, initialAccumulator: 0.1, epsilon: 1e-10),
        .rowwiseAdagrad(learningRate: 0.1, initialAccumulator: 0, epsilon: 1e-8),
        .adam(learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8),
        .ftrl(alpha: 0.1, beta: 1, l1: 0.001, l2: 0.01),
    ])
    func stateMovesWithTheRow(optimizer: Optimizer) throws {
        let schema = TableSchema(
            dimension: 5, optimizer: optimizer, initializer: .uniform(low: -0.1, high: 0.1),
            hotPrecision: .float32, coldPrecision: .float32, seed: 3)
        let roomy = try TemporaryStore(memoryBytes: 256 << 20)
        let tight = try TemporaryStore(memoryBytes: 1 << 20, demotesInBackground: false)
        let inMemory = try roomy.store.createTable(named: "t", schema)
        var moving = try tight.store.createTable(named: "t", schema)
        var random = SeededGenerator(seed: 11)
        for step in 0..<40 {
            let ids = (0..<100).map { _ in UInt64.random(in: 0..<300, using: &random) }
            let gradients = (0..<500).map { _ in Float.random(in: -1...1, using: &random) }
            try inMemory.push(ids, gradients)
            try moving.push(ids, gradients)
            if step % 7 == 3 { try demoteEverything(of: moving) }
            if step % 13 == 12 {
                try tight.reopen()
                moving = try tight.store.table(named: "t")
            }
        }
        let all = Array(0..<300 as Range<UInt64>)
        let moved = try moving.pull(all)
        let stayed = try inMemory.pull(all)
        #expect(zip(moved, stayed).allSatisfy { $0.bitPattern == $1.bitPattern }, "\(optimizer)")
        #expect(moving.statistics().promotions > 0)
    }

    /// How many values of `rows` are not those of the model.
    private func differences(_ rows: [Float], _ expected: [[Float]]) -> Int {
        zip(rows, expected.joined()).count { $0 != $1 }
    }

    private func zeros(_ count: Int) -> [Float] { Array(repeating: 0, count: count) }
}

/// Demotes until no row is left in memory.
func demoteEverything(of table: Table) throws {
    // A row that was used since the hand last looked at it stays for one round.
    for _ in 0..<3 { _ = try table.rows.demote(below: .everything, bytesMax: .max / 2) }
}

extension Int {
    /// A number below `count`, small ones more often, as ids are in real logs.
    init(pow2Skewed count: Int, using random: inout SeededGenerator) {
        let uniform = Double.random(in: 0..<1, using: &random)
        self = Int(uniform * uniform * uniform * Double(count))
    }
}
