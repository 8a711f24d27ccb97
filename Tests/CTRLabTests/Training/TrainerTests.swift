import EmbeddingStore
import Foundation
import Testing

@testable import CTRLab

/// Training as a whole, on logs whose best AUC is known.
@Suite struct TrainerTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func logs(rows: Int = 3000) throws -> (logs: Trainer.Logs, best: Double) {
        let path = folder.path("log.csv")
        let summary = try SyntheticLog(
            SyntheticLog.Settings(
                rows: rows,
                fields: [
                    .init("a", cardinality: 12, exponent: 0.5),
                    .init("b", cardinality: 6, exponent: 0.5),
                ], bias: 0, strength: 3, interactions: 0.3)
        ).write(to: path)
        let log = SplitLog.divided(
            try ClickLog(files: [path], format: .csv(CSVColumns(labels: ["click"]))),
            .sequential(training: 0.8, validation: 0.1, test: 0.1))
        let encoded = try FeaturePipeline.fit(FeaturePlan(), log).encode(log)
        let logs = Trainer.Logs(
            training: encoded.training, validation: encoded.validation, test: encoded.test,
            groupField: 1)
        return (logs, summary.bestAUCLastTenth)
    }

    private func settings(_ model: ModelKind) -> TrainingSettings {
        TrainingSettings(
            model: model, dimension: 4, network: NetworkSettings(hidden: [8]),
            optimizer: .adam(learningRate: 0.02), batchSize: 100, epochsMax: 8)
    }

    @Test func aStoresTableLearnsTheLog() async throws {
        let (logs, best) = try logs()
        let store = try Store(path: folder.path("store"), options: .init(memoryBytes: 8 << 20))
        let settings = settings(.fm)
        let schema = TableSchema(
            dimension: settings.rowDimension,
            optimizer: .adam(learningRate: 0.02, beta1: 0.9, beta2: 0.999, epsilon: 1e-8),
            initializer: .normal(mean: 0, deviation: 0.05))
        let table = StoreTable(try store.createTable(named: "t", schema))
        let result = try await Trainer(settings, table: table, logs: logs).run()
        #expect(result.test.auc > best - 0.02, "\(result.test.auc), at best \(best)")
        #expect(result.test.groupAUC != nil && result.validation.logloss < 0.69)
        let bytes = table.bytes()
        #expect(bytes.rowCount <= 18 && bytes.rows == bytes.rowCount * 5 * 4)
        #expect(bytes.optimizerState == 2 * bytes.rows && bytes.index > 0)
        try store.close()
    }

    @Test(arguments: ModelKind.allCases)
    func everyModelLearns(model: ModelKind) async throws {
        let (logs, best) = try logs(rows: 2000)
        let settings = settings(model)
        let table = DictionaryTable(dimension: settings.rowDimension, rate: 3)
        let result = try await Trainer(settings, table: table, logs: logs).run()
        #expect(result.test.auc > best - 0.06, "\(result.test.auc), at best \(best)")
    }

    @Test func severalLabelsAreLearntAtOnce() async throws {
        // One label says what a is, the other what b is.
        var random = SplitMix64(seed: 1)
        var text = "click,like,a,b\n"
        for _ in 0..<1500 {
            let (a, b) = (random.next() % 4, random.next() % 5)
            let click = random.unit() < (a < 2 ? 0.9 : 0.1) ? 1 : 0
            let like = random.unit() < (b < 2 ? 0.9 : 0.1) ? 1 : 0
            text += "\(click),\(like),a\(a),b\(b)\n"
        }
        let columns = CSVColumns(labels: ["click", "like"])
        let log = SplitLog.divided(
            try ClickLog(files: [folder.write("log", text)], format: .csv(columns)),
            .sequential(training: 0.8, validation: 0.1, test: 0.1))
        let encoded = try FeaturePipeline.fit(FeaturePlan(), log).encode(log)
        let logs = Trainer.Logs(
            training: encoded.training, validation: encoded.validation, test: encoded.test)
        let settings = settings(.sharedBottom)
        let table = DictionaryTable(dimension: settings.rowDimension, rate: 3)
        let result = try await Trainer(settings, table: table, logs: logs).run()
        #expect(result.test.auc > 0.8, "\(result.test.auc)")
    }

    @Test func theSeedDecidesTheResult() async throws {
        let (logs, _) = try logs(rows: 600)
        func run(_ seed: UInt64) async throws -> (Double, [UInt64: [Float]]) {
            var settings = settings(.deepFM)
            settings.seed = seed
            settings.network.dropout = 0.2
            settings.epochsMax = 2
            let table = DictionaryTable(dimension: settings.rowDimension, rate: 10)
            let result = try await Trainer(settings, table: table, logs: logs).run()
            return (result.test.logloss, table.rows)
        }
        let (first, again, other) = (try await run(1), try await run(1), try await run(2))
        #expect(first == again)
        #expect(first.0 != other.0)
    }

    /// What the overlap of reading, pulling and computing must not change.
    @Test func trainingReadsWhatTheLastStepWrote() async throws {
        let (logs, _) = try logs(rows: 600)
        var settings = settings(.lr)
        settings.epochsMax = 1
        settings.batchSize = 7
        let table = DictionaryTable(dimension: 1, rate: 5)
        _ = try await Trainer(settings, table: table, logs: logs).run()

        // The same by hand, one batch after the other.
        let expected = DictionaryTable(dimension: 1, rate: 5)
        let network = try CTRNetwork(
            .lr, dimension: 4, features: logs.training.shape, settings: settings.network,
            numbers: .none, seed: settings.seed)
        let reader = BatchReader(
            logs.training, batchSize: 7, shuffle: SplitMix64.mix(settings.seed &+ 1))
        var step = 0
        while let batch = reader.next() {
            step += 1
            let values = expected.pull(batch.ids, create: true)
            let rows = Variable(Matrix(batch.ids.count, 1, values), needsGradient: true)
            let pass = Pass(isTraining: true)
            network.logits(batch, rows: rows, pass).crossEntropy(batch.labels).differentiate()
            settings.optimizer.move(pass.gradients, step: step)
            expected.push(batch.ids, gradients: rows.gradient!.values)
        }
        #expect(table.rows == expected.rows)
    }

    /// A step moves rows of ids that it does not name: what was read ahead would be old.
    @Test func sharedRowsAreReadWhenTheLastStepHasWritten() async throws {
        let (logs, _) = try logs(rows: 600)
        var settings = settings(.fm)
        settings.batchSize = 5
        settings.epochsMax = 2
        var results: Set<Double> = []
        for _ in 0..<5 {
            let store = try ScratchStore(memoryBytes: 8 << 20)
            let schema = TableSchema(
                dimension: 5, initializer: .normal(mean: 0, deviation: 0.1),
                scheme: .doubleHashed(rows: 4, combine: .sum))
            let result = try await store.withTable(schema) { table in
                #expect(!table.hasOwnRows)
                return try await Trainer(settings, table: table, logs: logs).run()
            }
            results.insert(result.test.logloss)
        }
        #expect(results.count == 1)
    }

    @Test func gradientsAreClipped() async throws {
        let (logs, _) = try logs(rows: 600)
        func rows(limit: Float) async throws -> [UInt64: [Float]] {
            var settings = settings(.fm)
            settings.gradientNormMax = limit
            settings.batchSize = 600
            settings.epochsMax = 1
            let table = DictionaryTable(dimension: 5, rate: 1)
            _ = try await Trainer(settings, table: table, logs: logs).run()
            return table.rows
        }
        let start = DictionaryTable(dimension: 5, rate: 1)
        func moved(_ rows: [UInt64: [Float]]) -> Float {
            rows.reduce(0) { sum, row in
                zip(row.value, start.pull([row.key], create: true)).reduce(sum) {
                    $0 + ($1.0 - $1.1) * ($1.0 - $1.1)
                }
            }.squareRoot()
        }
        let free = try await rows(limit: 0)
        #expect(try await rows(limit: 1e6) == free)
        let clipped = moved(try await rows(limit: 1e-3))
        // The rows' part of the norm, in one step of rate 1.
        #expect(clipped > 1e-4 && clipped <= 1.001e-3 && moved(free) > 2e-3, "\(clipped)")
    }

    @Test func regularizationShrinksRows() async throws {
        let (logs, _) = try logs(rows: 600)
        func norm(_ l2: Float, _ steps: TrainingSettings.RowSteps) async throws -> Float {
            var settings = settings(.fm)
            settings.embeddingL2 = l2
            settings.rowSteps = steps
            settings.epochsMax = 2
            let table = DictionaryTable(dimension: 5, rate: 1)
            _ = try await Trainer(settings, table: table, logs: logs).run()
            return table.rows.values.joined().reduce(0) { $0 + $1 * $1 }
        }
        let (none, seen, all) = (
            try await norm(0, .batch), try await norm(0.1, .batch), try await norm(0.1, .all)
        )
        #expect(seen < none && all < none)
    }

    @Test func trainingEndsWhenValidationGetsNoBetter() async throws {
        let (logs, _) = try logs(rows: 600)
        var settings = settings(.fm)
        settings.epochsMax = 50
        settings.patience = 2
        let table = DictionaryTable(dimension: 5, rate: 20)
        var epochs: [Bool] = []
        let result = try await Trainer(settings, table: table, logs: logs) {
            if case .epoch(_, _, _, let isBest, _) = $0 { epochs.append(isBest) }
        }.run()
        #expect(result.epochsRun == epochs.count && result.epochsRun < 50)
        #expect(result.bestEpoch == result.epochsRun - 2)
        #expect(epochs.suffix(3) == [true, false, false])
    }

    @Test func decayStillsTraining() async throws {
        let (logs, _) = try logs(rows: 600)
        var settings = settings(.deepFM)
        settings.epochsMax = 50
        settings.decay = 1e-7
        let table = DictionaryTable(dimension: 5, rate: 20)
        var losses: [Double] = []
        let result = try await Trainer(settings, table: table, logs: logs) {
            if case .epoch(_, _, let validation, _, _) = $0 { losses.append(validation.logloss) }
        }.run()
        // From the first epoch that is no better on, nothing moves.
        let first = result.bestEpoch
        #expect(result.epochsRun == first + 2)
        #expect(abs(losses[first + 1] - losses[first]) < 1e-4)
        #expect(abs(losses[first] - losses[first - 1]) > 1e-4)
    }

    @Test func settingsHaveToFit() throws {
        let (logs, _) = try logs(rows: 600)
        func check(_ change: (inout TrainingSettings) -> Void) {
            var settings = settings(.deepFM)
            change(&settings)
            let table = DictionaryTable(dimension: 5, rate: 1)
            #expect(throws: CTRLabError.self) {
                try Trainer(settings, table: table, logs: logs)
            }
        }
        check { $0.dimension = 8 }
        check { $0.model = .dnn }
        check { $0.network.hidden = [] }
        check { $0.network.dropout = 1 }
        check { $0.batchSize = 0 }
        check { $0.embeddingL2 = -1 }
        check { $0.gradientNormMax = -1 }
        check { $0.optimizer = .adam(learningRate: 0) }
        check { $0.numbers = .autoDis(metaEmbeddings: 0, temperature: 1) }
        check { $0.patience = 0 }
        check { $0.decay = 0 }
        check { $0.decay = 1.5 }
    }
}
