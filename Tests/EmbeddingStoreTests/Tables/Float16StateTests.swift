import Testing

@testable import EmbeddingStore

/// Optimizer state that is kept in float16.
@Suite struct Float16StateTests {
    private func schema(
        _ optimizer: Optimizer, dimension: Int = 5, hot: Precision = .float32,
        cold: Precision = .float32
    ) -> TableSchema {
        TableSchema(
            dimension: dimension, optimizer: optimizer, initializer: .uniform(low: -0.1, high: 0.1),
            hotPrecision: hot, coldPrecision: cold, seed: 3, statePrecision: .float16)
    }

    /// The state goes with the row as it is: training with rows on the move, and over restarts,
    /// equals training in memory, bit for bit.
    @Test(
        arguments: [
            Optimizer.momentum(learningRate: 0.1, momentum: 0.9),
            .adagrad(learningRate: 0.1, initialAccumulator: 0.1, epsilon: 1e-10),
            .rowwiseAdagrad(learningRate: 0.1, initialAccumulator: 0, epsilon: 1e-8),
            .adam(learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8),
            .ftrl(alpha: 0.1, beta: 1, l1: 0.001, l2: 0.01),
        ], [Precision.float32, .int16])
    func stateMovesWithTheRow(optimizer: Optimizer, precision: Precision) throws {
        let schema = schema(optimizer, hot: precision, cold: precision)
        let roomy = try TemporaryStore()
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
        expectRows(try moving.pull(all), try inMemory.pull(all), "\(optimizer)")
        #expect(moving.statistics().promotions > 0)
    }

    /// What a float16 state costs a model: next to nothing.
    @Test(arguments: [
        Optimizer.momentum(learningRate: 0.05, momentum: 0.9),
        .adagrad(learningRate: 0.1, initialAccumulator: 0, epsilon: 1e-10),
        .rowwiseAdagrad(learningRate: 0.1, initialAccumulator: 0, epsilon: 1e-8),
        .adam(learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8),
        .ftrl(alpha: 0.1, beta: 1, l1: 0.0001, l2: 0.01),
    ])
    func trainingIsAsWithFloat32State(optimizer: Optimizer) throws {
        let temporary = try TemporaryStore()
        var schema = schema(optimizer, dimension: 16)
        let half = try temporary.store.createTable(named: "half", schema)
        schema.statePrecision = .float32
        let full = try temporary.store.createTable(named: "full", schema)
        let ids = Array(0..<64 as Range<UInt64>)
        var random = SeededGenerator(seed: 4)
        let start = try full.pull(ids)
        _ = try half.pull(ids)
        // Gradients as small as late ones are, whose squares float16 does not have.
        for _ in 0..<300 {
            let gradients = (0..<64 * 16).map { _ in
                Float.random(in: -1...2, using: &random) * 1e-4
            }
            try half.push(ids, gradients)
            try full.push(ids, gradients)
        }
        let (one, other) = (try half.pull(ids), try full.pull(ids))
        let moved = zip(other, start).reduce(0.0) { $0 + abs(Double($1.0 - $1.1)) }
        let apart = zip(one, other).reduce(0.0) { $0 + abs(Double($1.0 - $1.1)) }
        #expect(moved > 0)
        #expect(apart <= 0.01 * moved, "\(optimizer): \(apart / moved) of the way")
    }

    /// Gradients that add 0.002 % of a step of float16 to the accumulator's root: rounding to
    /// nearest would lose each of them.
    @Test func anAccumulatorThatGrowsByLittleDoesNotStall() throws {
        let temporary = try TemporaryStore()
        let table = try temporary.store.createTable(
            named: "t",
            schema(
                .rowwiseAdagrad(learningRate: 0, initialAccumulator: 100, epsilon: 0),
                dimension: 1))
        let ids = Array(0..<1000 as Range<UInt64>)
        let gradients = [Float](repeating: 0.05, count: ids.count)
        for _ in 0..<2000 { try table.push(ids, gradients) }
        let accumulators = self.states(of: table).map { $0 * $0 }
        let mean = accumulators.reduce(0, +) / Double(ids.count)
        let variance = accumulators.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let standardError = (variance / Double(ids.count * (ids.count - 1))).squareRoot()
        #expect(abs(mean - 105) < 4 * standardError, "\(mean) ± \(standardError)")
        #expect(standardError < 0.1)
    }

    /// The first float of each row's state, as it is kept.
    private func states(of table: Table) -> [Double] {
        let layout = table.rows.layout
        return table.rows.shards.flatMap { shard in
            (0..<shard.count).map {
                let state = layout.state(shard.record($0)).assumingMemoryBound(to: UInt16.self)
                return Double(Float(Float16(bitPattern: state.pointee)))
            }
        }
    }

    /// 10⁶ roundings of a momentum, and of the root of an accumulator.
    @Test(arguments: [
        Optimizer.momentum(learningRate: 0, momentum: 0),
        .adagrad(learningRate: 0, initialAccumulator: 0, epsilon: 1),
    ])
    func roundingIsUnbiasedAndRepeatable(optimizer: Optimizer) {
        let (states, expected) = steps(optimizer, seed: 9)
        var (sum, squares) = (0.0, 0.0)
        for (state, value) in zip(states, expected) {
            let exact = abs(Double(value))
            // In steps of float16 at that size.
            let step = Double(max(Float16(exact).ulp, 0x1p-24))
            let error = (abs(Double(state)) - exact) / step
            sum += error
            squares += error * error
        }
        let count = Double(states.count)
        #expect(count == 1_000_000)
        let standardError = (squares / count).squareRoot() / count.squareRoot()
        #expect(abs(sum / count) < 4 * standardError, "\(sum / count) ± \(standardError)")
        #expect(steps(optimizer, seed: 9).states == states)
        #expect(steps(optimizer, seed: 10).states != states)
    }

    /// The states of rows after one step from nothing, with the gradients that they should be.
    private func steps(_ optimizer: Optimizer, seed: UInt64) -> (states: [Float], [Float]) {
        let dimension = 64
        let rule = StepRule(schema(optimizer, dimension: dimension))
        var random = SeededGenerator(seed: 3)
        var row = [Float](repeating: 0, count: dimension)
        var scratch = row
        var states: [Float] = []
        var gradients: [Float] = []
        for number in 0..<15_625 as Range<UInt64> {
            let gradient = (0..<dimension).map { _ in Float.random(in: -1...1, using: &random) }
            var state = [Float16](repeating: 0, count: dimension)
            state.withUnsafeMutableBytes {
                rule.initialize($0.baseAddress!)
                rule.step(
                    row: &row, state: $0.baseAddress!, gradient: gradient, count: dimension,
                    stepSize: 0, scratch: &scratch, stream: seed << 32 + number)
            }
            states += state.map { Float($0) }
            gradients += gradient
        }
        return (states, gradients)
    }

    /// Bytes of a hot record, stated in the documentation.
    @Test func recordsAreAsSmallAsPromised() {
        func stride(
            _ precision: Precision, _ state: Precision, _ optimizer: Optimizer, timeToLive: Int = 0
        ) -> Int {
            RowLayout(
                TableSchema(
                    dimension: 16, optimizer: optimizer, hotPrecision: precision,
                    statePrecision: state, timeToLive: timeToLive)
            ).stride
        }
        let rowwise = Optimizer.rowwiseAdagrad(
            learningRate: 1, initialAccumulator: 0, epsilon: 1e-10)
        let adam = Optimizer.adam(learningRate: 1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8)
        #expect(stride(.int16, .float32, rowwise) == 52)
        #expect(stride(.int16, .float16, rowwise) == 52)
        #expect(stride(.int16, .float16, rowwise, timeToLive: 1) == 56)
        #expect(stride(.float32, .float32, rowwise) == 80)
        #expect(stride(.float32, .float32, rowwise, timeToLive: 1) == 96)
        #expect(stride(.float32, .float32, adam) == 208)
        #expect(stride(.float32, .float16, adam) == 144)
        #expect(stride(.int8, .float16, adam) == 96)
    }
}
