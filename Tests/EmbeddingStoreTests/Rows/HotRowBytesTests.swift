import Testing

@testable import EmbeddingStore

/// Bytes of memory that a row takes with its optimizer state and its part of the index.
@Suite struct HotRowBytesTests {
    @Test(arguments: [(Precision.float32, 96.0), (.int16, 60.0)])
    func aRowOfSixteenWithRowwiseAdagrad(precision: Precision, bytesMax: Double) throws {
        let temporary = try TemporaryStore(memoryBytes: 512 << 20, durability: .none)
        let table = try temporary.store.createTable(
            named: "t",
            TableSchema(
                dimension: 16,
                optimizer: .rowwiseAdagrad(
                    learningRate: 0.1, initialAccumulator: 0, epsilon: 1e-10),
                hotPrecision: precision))
        var worst = 0.0
        for start in stride(from: 0 as UInt64, to: 300_000, by: 10_000) {
            _ = try table.pull(Array(start..<start + 10_000))
            let hot = table.statistics().hot
            #expect(hot.rows == Int(start) + 10_000)
            // Of a few rows the parts of pages that are not full yet are most of it.
            if hot.rows >= 50_000 { worst = max(worst, Double(hot.bytes) / Double(hot.rows)) }
        }
        let hot = table.statistics().hot
        print("\(precision): \(Double(hot.bytes) / Double(hot.rows)) bytes a row, at most \(worst)")
        #expect(worst <= bytesMax)
    }
}
