import Testing

@testable import EmbeddingStore

/// The rows that nobody has written.
@Suite struct InitializerTests {
    private let ids = [0, 1, 1 << 63, .max] + Array(1000..<5000 as Range<UInt64>)

    private func schema(_ initializer: Initializer, seed: UInt64 = 1) -> TableSchema {
        var schema = TableSchema.exact(dimension: 16)
        schema.initializer = initializer
        schema.seed = seed
        return schema
    }

    @Test(arguments: [Initializer.uniform(low: -0.5, high: 0.25), .normal(mean: 2, deviation: 0.5)])
    func aRowStartsTheSameEverywhere(initializer: Initializer) throws {
        let first = try TemporaryStore()
        let second = try TemporaryStore(memoryBytes: 1 << 20, shardCount: 1)
        let table = try first.store.createTable(named: "t", schema(initializer))
        let rows = try table.pull(ids)

        // In another store, under another name and in another order.
        _ = try second.store.createTable(named: "before", schema(initializer))
        let other = try second.store.createTable(named: "u", schema(initializer))
        let backwards = try other.pull(ids.reversed())
        let same = ids.indices.allSatisfy { at in
            rows[at * 16..<(at + 1) * 16]
                .elementsEqual(backwards[(ids.count - 1 - at) * 16..<(ids.count - at) * 16])
        }
        #expect(same)

        // After a restart, kept or made again; and a push starts from there as well.
        try first.reopen()
        let reopened = try first.store.table(named: "t")
        expectRows(try reopened.pull(ids, create: false), rows)
        #expect(try reopened.delete(ids) == ids.count)
        expectRows(try reopened.pull(ids), rows)
        #expect(try reopened.delete([1]) == 1)
        try reopened.push([1], [Float](repeating: 0, count: 16))
        expectRows(try reopened.pull([1]), Array(rows[16..<32]))
    }

    @Test func theSeedMattersAndSoDoesTheId() throws {
        let temporary = try TemporaryStore()
        let initializer = Initializer.uniform(low: -1, high: 1)
        let one = try temporary.store.createTable(named: "one", schema(initializer, seed: 1)).pull(ids)
        let two = try temporary.store.createTable(named: "two", schema(initializer, seed: 2)).pull(ids)
        #expect(zip(one, two).count { $0 == $1 } < 10)
        #expect(Set(stride(from: 0, to: one.count, by: 16).map { one[$0] }).count > ids.count - 10)
    }

    @Test func valuesAreDistributedAsAsked() throws {
        let temporary = try TemporaryStore()
        func moments(_ initializer: Initializer, _ name: String) throws -> (values: [Float], mean: Double, deviation: Double) {
            let values = try temporary.store.createTable(named: name, schema(initializer)).pull(ids)
            let mean = values.reduce(0) { $0 + Double($1) } / Double(values.count)
            let variance = values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
                / Double(values.count)
            return (values, mean, variance.squareRoot())
        }
        let uniform = try moments(.uniform(low: -0.5, high: 0.25), "uniform")
        #expect(uniform.values.allSatisfy { (-0.5...0.25).contains($0) })
        #expect(uniform.values.min()! < -0.499 && uniform.values.max()! > 0.249)
        // 64,064 values: four standard errors of the mean are 0.0034.
        #expect(abs(uniform.mean + 0.125) < 0.0034, "\(uniform.mean)")
        #expect(abs(uniform.deviation - 0.75 / 12.0.squareRoot()) < 0.003, "\(uniform.deviation)")
        let normal = try moments(.normal(mean: 2, deviation: 0.5), "normal")
        #expect(abs(normal.mean - 2) < 0.008, "\(normal.mean)")
        #expect(abs(normal.deviation - 0.5) < 0.006, "\(normal.deviation)")
        let beyondTwo = normal.values.count { abs($0 - 2) > 1 }
        #expect(abs(Double(beyondTwo) / Double(normal.values.count) - 0.0455) < 0.0035, "\(beyondTwo)")
        expectAll(try moments(.zeros, "zeros").values, are: 0)
        expectAll(try moments(.constant(0.75), "constant").values, are: 0.75)
    }

    /// What an unknown id is served as, without getting a row.
    @Test(arguments: [
        (Initializer.zeros, Float(0)), (.constant(3), 3), (.uniform(low: -0.5, high: 0.25), -0.125),
        (.normal(mean: 2, deviation: 0.5), 2),
    ])
    func unknownIdsAreServedTheMean(initializer: Initializer, mean: Float) throws {
        let temporary = try TemporaryStore()
        let table = try temporary.store.createTable(named: "t", schema(initializer))
        expectAll(try table.pull(ids, create: false), are: mean)
        #expect(table.count == 0)
    }
}
