import Testing

@testable import EmbeddingStore

/// Tables whose rows a network makes.
@Suite struct NetworkRowsTests {
    private let ids: [UInt64] = [0, 1, 2, 77, 1 << 63, .max]

    private func schema(
        dimension: Int = 4, hashes: Int = 24, hidden: Int = 12,
        optimizer: Optimizer = .adam(learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8)
    ) -> TableSchema {
        TableSchema(
            dimension: dimension, optimizer: optimizer,
            scheme: .deepHash(hashes: hashes, hidden: hidden), seed: 6)
    }

    private func ones(_ count: Int) -> [Float] { [Float](repeating: 1, count: count) }

    private func found(_ table: Table, _ ids: [UInt64]) throws -> [Bool] { try table.contains(ids) }

    @Test func pullsServeEveryIDAndCreateNothing() throws {
        let temporary = try TemporaryStore()
        let table = try temporary.store.createTable(named: "t", schema())
        let rows = try table.pull(ids)
        #expect(Set(rows).count > ids.count)
        #expect(try table.pull(ids, create: false) == rows)
        #expect(try table.pull(ids.reversed(), create: false).count == rows.count)
        #expect(try found(table, ids).allSatisfy { $0 })
        #expect(try table.pull([77]) == Array(rows[12..<16]))
        #expect(table.count == 0)
        #expect(try table.pull([]).isEmpty)
    }

    /// The same in another store, for as many ids that they go another way, and in each format.
    @Test func rowsComeOfSeedAndIDAlone() throws {
        let first = try TemporaryStore()
        let second = try TemporaryStore(memoryBytes: 1 << 20, shardCount: 1)
        let table = try first.store.createTable(named: "t", schema())
        let other = try second.store.createTable(named: "u", schema())
        let many = (0..<1000).map { UInt64($0) }
        let rows = try table.pull(many)
        #expect(try other.pull(many.reversed()).suffix(4) == rows.prefix(4))
        #expect(try other.pull([999]) == rows.suffix(4))
        var schema = schema()
        schema.seed = 7
        let third = try second.store.createTable(named: "v", schema)
        #expect(try third.pull(many) != rows)
    }

    /// A push is a step of the table's optimizer with the gradient of the parameters.
    @Test(arguments: [
        Optimizer.sgd(learningRate: 0.1),
        .adagrad(learningRate: 0.05, initialAccumulator: 0, epsilon: 1e-10),
        .adam(learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8),
    ])
    func aPushTrainsTheParameters(optimizer: Optimizer) throws {
        let temporary = try TemporaryStore()
        let schema = schema(optimizer: optimizer)
        let table = try temporary.store.createTable(named: "t", schema)
        let start = try #require(DeepHashStart(schema))
        let network = DeepHashNetwork(shape: start.shape, seed: schema.seed)
        let rule = StepRule(schema)
        var parameters = start.parameters()
        let stateCount = optimizer.stateCount(dimension: parameters.count)
        var state = [Float](repeating: optimizer.initialState, count: max(1, stateCount))
        // One id twice: its gradients are summed. None sums up to about 0, of which Adagrad's first
        // step would take the sign.
        let ids = ids + [77]
        for push in 1...3 {
            let gradients = (0..<ids.count * 4).map { Float($0 % 5 + 1) / Float(4 * push) }
            try table.push(ids, gradients)
            let gradient = ids.withUnsafeBytes { bytes in
                gradients.withUnsafeBufferPointer { rows in
                    unsafe network.backward(Keys(bytes), parameters: parameters) {
                        unsafe rows.baseAddress! + 4 * $0
                    }
                }
            }
            parameters.withUnsafeMutableBufferPointer { parameters in
                state.withUnsafeMutableBufferPointer { state in
                    gradient.withUnsafeBufferPointer { gradient in
                        unsafe rule.step(
                            row: parameters.baseAddress!, state: state.baseAddress!,
                            gradient: gradient.baseAddress!, count: parameters.count,
                            stepSize: rule.stepSize(push: push))
                    }
                }
            }
        }
        var expected: [Float] = []
        ids.withUnsafeBytes {
            unsafe network.forward(Keys($0), parameters: parameters) { _, row in
                unsafe expected += UnsafeBufferPointer(start: row, count: 4)
            }
        }
        let rows = try table.pull(ids)
        for (got, expected) in zip(rows, expected) { #expect(abs(got - expected) < 2e-3) }
        #expect(table.count == start.shape.rowCount)
    }

    @Test func trainsThroughTheTable() throws {
        let temporary = try TemporaryStore()
        let table = try temporary.store.createTable(
            named: "t", schema(hashes: 32, hidden: 32))
        let ids = (0..<60).map { UInt64($0) * 1_000_003 }
        var random = SeededGenerator(seed: 4)
        let targets = (0..<ids.count * 4).map { _ in Float.random(in: -1...1, using: &random) }
        func error() throws -> Float {
            zip(try table.pull(ids), targets).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        }
        let before = try error()
        for _ in 0..<80 {
            try table.push(ids, zip(try table.pull(ids), targets).map { $0 - $1 })
        }
        #expect(try error() < before / 5)
    }

    /// Rows, optimizer state and Adam's step are as they were, bit for bit: stopped in good order,
    /// killed, copied, served for reading, and pushed out to disk, though rows are int16 there.
    @Test func survivesRestartsBitForBit() throws {
        let temporary = try TemporaryStore()
        let straight = try TemporaryStore()
        let table = try temporary.store.createTable(named: "t", schema())
        let twin = try straight.store.createTable(named: "t", schema())
        for _ in 0..<3 {
            try table.push(ids, ones(24))
            try twin.push(ids, ones(24))
        }
        let rows = try table.pull(ids)
        expectRows(try twin.pull(ids), rows)

        try temporary.reopen(readOnly: true)
        expectRows(try temporary.store.table(named: "t").pull(ids, create: false), rows)
        try temporary.reopen()
        let reopened = try temporary.store.table(named: "t")
        expectRows(try reopened.pull(ids), rows)
        // One that is in use at the moment stays.
        for _ in 0..<3 { _ = try reopened.rows.demote(below: .everything, bytesMax: .max / 2) }
        #expect(reopened.statistics().demotions > 0)
        try reopened.push(ids, ones(24))
        try twin.push(ids, ones(24))
        expectRows(try reopened.pull(ids), try twin.pull(ids))
    }

    @Test func survivesACrash() throws {
        let crashed = try CrashedStore()
        let table = try crashed.store.createTable(named: "t", schema())
        for _ in 0..<3 { try table.push(ids, ones(24)) }
        let rows = try table.pull(ids)
        let store = try CrashedStore.open(try crashed.die())
        expectRows(try store.table(named: "t").pull(ids), rows)
        try store.close()
    }

    @Test func whatANetworkCannotDoIsUnsupported() throws {
        let temporary = try TemporaryStore()
        let table = try temporary.store.createTable(named: "t", schema())
        let rows = try table.pull(ids)
        let unsupported = StoreError.unsupported(
            "a network makes the rows of this table; none can be assigned or deleted")
        #expect(throws: unsupported) { try table.assign(ids, ones(24)) }
        #expect(throws: unsupported) { _ = try table.delete(ids) }
        #expect(try table.pull(ids) == rows)
    }

    @Test func badGradientsChangeNothing() throws {
        let temporary = try TemporaryStore()
        let table = try temporary.store.createTable(named: "t", schema())
        let rows = try table.pull(ids)
        let large = Float.greatestFiniteMagnitude
        #expect(throws: StoreError.nonFinite("a sum of gradients")) {
            try table.push([1, 1], [Float](repeating: large, count: 8))
        }
        #expect(throws: StoreError.nonFinite("the gradient of the network")) {
            try table.push([1, 2], [Float](repeating: large, count: 8))
        }
        try table.push([], [])
        #expect(try table.pull(ids) == rows)
        #expect(table.count == 0)
        let reader = try TemporaryStore()
        _ = try reader.store.createTable(named: "t", schema())
        try reader.reopen(readOnly: true)
        let readOnly = try reader.store.table(named: "t")
        #expect(throws: StoreError.readOnly) { try readOnly.push([1], ones(4)) }
        expectRows(try readOnly.pull(ids, create: false), rows)
    }

    @Test(arguments: [(0, 8), (4097, 8), (8, 1), (8, 1025), (-1, 8)])
    func sizesOutOfRangeAreRefused(hashes: Int, hidden: Int) throws {
        let temporary = try TemporaryStore()
        let error = #expect(throws: StoreError.self) {
            try temporary.store.createTable(named: "t", schema(hashes: hashes, hidden: hidden))
        }
        guard case .invalidSchema = error else {
            Issue.record("\(error.debugDescription)")
            return
        }
    }

    /// The copy that pulls use is memory of the hot tier, until the table is gone.
    @Test func theCopyOfTheParametersIsCounted() throws {
        let temporary = try TemporaryStore()
        let schema = schema(hashes: 200, hidden: 64)
        let before = temporary.store.budget.usedBytes
        do {
            let table = try temporary.store.createTable(named: "t", schema)
            let empty = temporary.store.budget.usedBytes
            _ = try table.pull(ids)
            let start = try #require(DeepHashStart(schema))
            #expect(temporary.store.budget.usedBytes == empty + 4 * start.shape.paddedCount)
            try table.push(ids, ones(24))
            #expect(
                temporary.store.budget.usedBytes >= empty + 4 * 4 * start.shape.parameterCount)
            try temporary.store.dropTable(table)
        }
        #expect(temporary.store.budget.usedBytes == before)
    }

    /// What is pulled at the same time as a push is what was there before it or after, never
    /// between.
    @Test func pullsSeeWholePushes() async throws {
        let temporary = try TemporaryStore()
        let table = try temporary.store.createTable(named: "t", schema())
        let start = try table.pull([5])
        let seen = try await withThrowingTaskGroup(of: [[Float]].self) { group in
            for _ in 0..<2 {
                group.addTask { try (0..<200).map { _ in try table.pull([5]) } }
            }
            var states: Set = [start]
            for _ in 0..<40 {
                try table.push([1], ones(4))
                states.insert(try table.pull([5]))
            }
            #expect(states.count == 41)
            var seen: Set<[Float]> = []
            for try await rows in group { seen.formUnion(rows) }
            return seen.subtracting(states)
        }
        #expect(seen.isEmpty)
    }
}
