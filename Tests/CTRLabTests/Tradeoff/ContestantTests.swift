import EmbeddingStore
import Testing

@testable import CTRLab

@Suite struct ContestantTests {
    private func budget(_ ratio: Double, dimension: Int = 7) -> Contestant.Budget {
        Contestant.Budget(
            ratio: ratio, trainingIDs: 10_000, allIDs: 12_000, fields: 5, model: .fm,
            dimension: dimension, ownShares: [0.25, 0.9])
    }

    /// Floats that an entry keeps, at most, when every row is used.
    private func floats(_ entry: Contestant.Entry, _ budget: Contestant.Budget) -> Int {
        let row = ModelKind.fm.rowDimension(dimension: entry.dimension ?? budget.dimension)
        let ids =
            switch entry.ids {
            case .none: budget.trainingIDs
            case .mostFrequent(let count): count + budget.fields
            case .numbered: budget.allIDs
            }
        switch entry.scheme {
        case .full: return ids * row
        case .hashed(let rows), .doubleHashed(let rows, .sum): return rows * row
        case .doubleHashed(let rows, _): return rows * row / 2
        case .quotientRemainder(let rows, _): return (rows + (ids + rows - 1) / rows) * row
        case .frequencyDoubleHashed(let own, let shared, _): return (own + shared) * row
        case .deepHash(let hashes, let hidden):
            #expect(hashes == 2 * hidden)
            return Contestant.deepHashFloats(width: hidden, dimension: row)
        default: return .max
        }
    }

    @Test(arguments: [2.0, 10, 37, 100, 1000])
    func allKeepToTheBudgetAndUseIt(ratio: Double) {
        let budget = budget(ratio)
        let full = floats(Contestant.Entry(), budget)
        for contestant in Contestant.allCases where contestant != .full {
            for entry in contestant.entries(budget, seed: 1) {
                let floats = floats(entry, budget)
                #expect(
                    Double(floats) <= Double(full) / ratio, "\(contestant) at \(ratio): \(floats)")
                // The widest network is smaller than the largest budgets.
                if entry.scheme == .deepHash(hashes: 256, hidden: 128) { continue }
                #expect(
                    Double(floats) > 0.6 * Double(full) / ratio,
                    "\(contestant) at \(ratio): \(floats)")
            }
        }
    }

    @Test func whoCannotKeepToItTakesNoPart() {
        // A row has at least one float and its weight; quotients and remainders at least √ids.
        #expect(Contestant.fewerDimensions.entries(budget(5), seed: 1).isEmpty)
        #expect(Contestant.quotientRemainder.entries(budget(100), seed: 1).isEmpty)
        #expect(Contestant.dropRare.entries(budget(5000), seed: 1).isEmpty)
        // Rows of nine floats have no halves.
        #expect(
            Contestant.doubleHashedConcatenate.entries(budget(10, dimension: 8), seed: 1).isEmpty)
        #expect(Contestant.hashed.entries(budget(1_000_000), seed: 1)[0].scheme == .hashed(rows: 1))
    }

    /// What this counts is what the store keeps.
    @Test func aNetworkHasTheFloatsThatItIsCounted() async throws {
        let store = try ScratchStore(memoryBytes: 64 << 20)
        let schema = TableSchema(dimension: 8, scheme: .deepHash(hashes: 40, hidden: 20))
        let bytes = try await store.withTable(schema) { table in
            _ = try table.pull([1, 2, 3], create: true)
            try table.push([1, 2, 3], gradients: [Float](repeating: 0.1, count: 24))
            return table.bytes()
        }
        #expect(bytes.rows == 4 * Contestant.deepHashFloats(width: 20, dimension: 8))
    }

    @Test func fewerDimensionsAreWholeOnes() {
        let entries = Contestant.fewerDimensions.entries(budget(2), seed: 1)
        #expect(entries.map(\.dimension) == [3] && entries[0].variant == "dimension 3")
    }
}
