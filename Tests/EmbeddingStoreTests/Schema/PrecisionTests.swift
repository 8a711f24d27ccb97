import Testing

@testable import EmbeddingStore

/// Rows that memory keeps in fewer bits.
@Suite struct PrecisionTests {
    private func schema(_ precision: Precision, dimension: Int = 16) -> TableSchema {
        var schema = TableSchema.exact(dimension: dimension)
        schema.hotPrecision = precision
        schema.coldPrecision = precision
        return schema
    }

    /// The most by which a value may differ from what was assigned: one step of its precision.
    private func step(_ precision: Precision, of value: Float, largest: Float) -> Float {
        switch precision {
        case .float32: 0
        // Eleven bits; below 2^-14 steps are all the same.
        case .float16: max(abs(value), 0x1p-14) * 0x1p-10
        case .int16: largest / 32767 * 1.0001
        case .int8: largest / 127 * 1.0001
        }
    }

    @Test(arguments: Precision.allCases)
    func aPullGivesWhatThePrecisionAllows(precision: Precision) throws {
        var random = SeededGenerator(seed: 5)
        let temporary = try TemporaryStore(demotesInBackground: false)
        let table = try temporary.store.createTable(named: "t", schema(precision, dimension: 33))
        let ids = (0..<500).map { _ in random.next() }
        let values = (0..<500 * 33).map { _ in Float.random(in: -2...2, using: &random) }
        try table.assign(ids, values)
        let rows = try table.pull(ids)
        var differing = 0
        for row in 0..<500 {
            let range = row * 33..<(row + 1) * 33
            let largest = values[range].map(abs).max()!
            for at in range where rows[at] != values[at] {
                differing += 1
                let allowed = step(precision, of: values[at], largest: largest)
                if abs(rows[at] - values[at]) > allowed {
                    Issue.record("\(precision): \(values[at]) became \(rows[at])")
                }
            }
        }
        // The reduced precisions are really reduced.
        #expect((differing == 0) == (precision == .float32))
        // What memory has is what the disk gets when both have one precision.
        try demoteEverything(of: table)
        #expect(table.statistics().hot.rows == 0)
        expectRows(try table.pull(ids), rows)
    }

    /// Gradients of a thirtieth of a step: rounding to nearest would lose every one of them.
    @Test(arguments: [(Precision.int16, Float(1e-6), 3000), (.int8, 2e-4, 1500), (.float16, 2e-5, 1500)])
    func smallGradientsMoveTheMean(precision: Precision, gradient: Float, pushes: Int) throws {
        let temporary = try TemporaryStore()
        let table = try temporary.store.createTable(named: "t", schema(precision))
        let ids = Array(0..<64 as Range<UInt64>)
        // The largest stands apart, so that the others do not hang on to its scale.
        let start = ids.flatMap { _ -> [Float] in [1] + [Float](repeating: 0.5, count: 15) }
        try table.assign(ids, start)
        let gradients = ids.flatMap { _ -> [Float] in [0] + [Float](repeating: -gradient, count: 15) }
        for _ in 0..<pushes { try table.push(ids, gradients) }

        let rows = try table.pull(ids)
        var moved: [Double] = []
        for at in rows.indices where at % 16 != 0 { moved.append(Double(rows[at] - start[at])) }
        let expected = Double(gradient) * Double(pushes)
        let mean = moved.reduce(0, +) / Double(moved.count)
        let variance = moved.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(moved.count)
        let standardError = (variance / Double(moved.count)).squareRoot()
        print("\(precision): moved by \(mean) ± \(standardError), gradients add up to \(expected)")
        #expect(abs(mean - expected) < 5 * standardError, "\(precision)")
        #expect(standardError < expected / 10, "too noisy to tell")
    }
}
