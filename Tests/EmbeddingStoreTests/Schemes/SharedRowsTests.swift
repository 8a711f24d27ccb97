import Testing

@testable import EmbeddingStore

/// Tables whose ids share rows, against a dictionary of the shared rows.
@Suite struct SharedRowsTests {
    static let schemes: [Scheme] = [
        .hashed(rows: 6000), .doubleHashed(rows: 6000, combine: .sum),
        .doubleHashed(rows: 6000, combine: .concatenate),
        .quotientRemainder(rows: 100, combine: .sum),
        .quotientRemainder(rows: 100, combine: .concatenate),
        .quotientRemainder(rows: 100, combine: .multiply),
    ]

    /// What the store should hold, by the formulas.
    private struct Model {
        let schema: TableSchema
        let keys: SharedKeys
        var rows: [UInt64: [Float]] = [:]

        init(_ schema: TableSchema) {
            self.schema = schema
            keys = SharedKeys(schema)!
        }

        func parts(_ id: UInt64) -> [UInt64] {
            keys.partCount == 1 ? [keys.first(id)] : [keys.first(id), keys.second(id)]
        }

        func part(_ key: UInt64) -> [Float] {
            let isFactor = schema.scheme.combine == .multiply && key > .max / 2
            return rows[key] ?? Array(repeating: isFactor ? 1 : 0, count: schema.rowDimension)
        }

        func row(_ id: UInt64) -> [Float] {
            let parts = parts(id).map(part)
            switch schema.scheme.combine {
            case nil: return parts[0]
            case .sum: return zip(parts[0], parts[1]).map(+)
            case .concatenate: return parts[0] + parts[1]
            case .multiply: return zip(parts[0], parts[1]).map(*)
            }
        }

        /// The step of stochastic gradient descent at rate 1.
        mutating func push(_ ids: [UInt64], _ gradients: [Float]) {
            var sums: [UInt64: [Float]] = [:]
            for (at, id) in ids.enumerated() {
                let gradient = gradients[at * schema.dimension..<(at + 1) * schema.dimension]
                let keys = parts(id)
                for (number, key) in keys.enumerated() {
                    let share: [Float] =
                        switch schema.scheme.combine {
                        case nil, .sum: Array(gradient)
                        case .concatenate:
                            Array(
                                gradient.dropFirst(number * schema.rowDimension)
                                    .prefix(schema.rowDimension))
                        case .multiply: zip(gradient, part(keys[1 - number])).map(*)
                        }
                    sums[key] = sums[key].map { zip($0, share).map(+) } ?? share
                }
            }
            for (key, sum) in sums { rows[key] = zip(part(key), sum).map(-) }
        }
    }

    /// Gradients of whole numbers, so that sums are exact in any order, on a table of which a part
    /// fits in memory, with restarts.
    @Test(arguments: schemes)
    func servesWhatTheFormulaSays(scheme: Scheme) throws {
        var random = SeededGenerator(seed: 3)
        let temporary = try TemporaryStore(memoryBytes: 1 << 20)
        var schema = TableSchema.exact(dimension: 128)
        schema.scheme = scheme
        var table = try temporary.store.createTable(named: "t", schema)
        var model = Model(schema)
        let isProduct = scheme.combine == .multiply
        for step in 0..<30 {
            // Twice the same id too.
            let ids = (0..<120).map { _ in UInt64.random(in: 0..<20_000, using: &random) }
            let reach = isProduct ? 1 : 3
            // Products grow quickly, and must stay whole and small to be exact.
            if !isProduct || step < 3 {
                let gradients = (0..<120 * 128).map { _ in
                    Float(Int.random(in: -reach...reach, using: &random))
                }
                try table.push(ids, gradients)
                model.push(ids, gradients)
            }
            let others = ids + (0..<120).map { _ in UInt64.random(in: 0..<20_000, using: &random) }
            expectRows(try table.pull(others), others.flatMap(model.row), "step \(step)")
            expectRows(try table.pull(others, create: false), others.flatMap(model.row))
            if step % 12 == 11 {
                try temporary.reopen()
                table = try temporary.store.table(named: "t")
            }
        }
        #expect(table.count <= 6000)
        // The table of the quotients and remainders fits.
        #expect(
            table.count < 1000 || table.statistics().promotions > 0, "the tiers were not exercised")
    }

    /// An id whose two hashes agree has the row twice, and moves it twice.
    @Test func bothPartsMayBeOneRow() throws {
        let temporary = try TemporaryStore()
        var schema = TableSchema.exact(dimension: 2)
        schema.scheme = .doubleHashed(rows: 1, combine: .sum)
        let table = try temporary.store.createTable(named: "t", schema)
        try table.push([5], [1, -2])
        #expect(try table.pull([5, 6]) == [-4, 8, -4, 8])
        #expect(table.count == 1)
    }

    @Test(arguments: schemes)
    func assignedRowsAreServed(scheme: Scheme) throws {
        let temporary = try TemporaryStore()
        var schema = TableSchema.exact(dimension: 4)
        schema.scheme = scheme
        let table = try temporary.store.createTable(named: "t", schema)
        try table.assign([42], [1, 2, -3, 4])
        #expect(try table.pull([42]) == [1, 2, -3, 4])
        #expect(try table.contains([42]) == [true])
        // Nobody's alone: nothing is deleted.
        #expect(try table.delete([42]) == 0)
        #expect(try table.pull([42]) == [1, 2, -3, 4])
    }

    /// A push that is refused leaves no rows, wherever the others are.
    @Test(arguments: schemes, [false, true])
    func aRefusedPushCreatesNothing(scheme: Scheme, onDisk: Bool) throws {
        let temporary = try TemporaryStore(demotesInBackground: false)
        let schema = TableSchema(
            dimension: 2, optimizer: .sgd(learningRate: 1), initializer: .constant(1),
            hotPrecision: .int16, scheme: scheme)
        let table = try temporary.store.createTable(named: "t", schema)
        if onDisk {
            try table.assign([700], [1, 2])
            try demoteEverything(of: table)
        }
        let before = table.count
        let large = Float.greatestFiniteMagnitude
        #expect(throws: StoreError.nonFinite("a sum of gradients")) {
            try table.push([5, 5], Array(repeating: large, count: 4))
        }
        #expect(table.count == before)
        // One that is not moves rows from what they start as.
        try table.push([5], [0, 0])
        expectRows(
            try table.pull([5]), Array(repeating: 1, count: 2))
    }

    /// Serving creates nothing, and serves the mean in place of what is not there.
    @Test(arguments: schemes)
    func servingCreatesNothing(scheme: Scheme) throws {
        let temporary = try TemporaryStore()
        let schema = TableSchema(
            dimension: 4, initializer: .uniform(low: 1, high: 3), scheme: scheme)
        let table = try temporary.store.createTable(named: "t", schema)
        expectAll(try table.pull([1, 2, 3], create: false), are: 2)
        #expect(table.count == 0)
        #expect(try table.contains([1]) == [false])
    }

    @Test(
        arguments: [
            (.hashed(rows: 0), 4), (.hashed(rows: 1 << 33), 4),
            (.doubleHashed(rows: 5, combine: .concatenate), 3),
            (.doubleHashed(rows: 5, combine: .multiply), 4),
            (.quotientRemainder(rows: 1, combine: .sum), 4),
            (.frequencyDoubleHashed(own: 0, shared: 4, score: .count), 4),
            (.frequencyDoubleHashed(own: 4, shared: 0, score: .count), 4),
            (.frequencyFiltered(.bloom(counters: 10)), 4),
        ] as [(Scheme, Int)])
    func schemesThatNoTableCanHave(scheme: Scheme, dimension: Int) throws {
        let temporary = try TemporaryStore()
        let schema = TableSchema(dimension: dimension, scheme: scheme)
        let result = Result { () throws(StoreError) in
            _ = try temporary.store.createTable(named: "t", schema)
        }
        guard case .failure(.invalidSchema) = result else {
            Issue.record("\(result)")
            return
        }
    }
}
