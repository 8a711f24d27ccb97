import EmbeddingStore
import Foundation
import Synchronization
import Testing

@testable import CTRLab

/// Comparisons as a whole, on a small log.
@Suite struct TradeoffTests {
    private let folder: TemporaryFolder
    private let logs: Trainer.Logs

    init() throws {
        folder = try TemporaryFolder()
        let path = folder.path("log.csv")
        _ = try SyntheticLog(
            SyntheticLog.Settings(
                rows: 1200,
                fields: [
                    .init("a", cardinality: 60, exponent: 0.8),
                    .init("b", cardinality: 20, exponent: 0.5),
                ], bias: 0, strength: 3)
        ).write(to: path)
        let log = SplitLog.divided(
            try ClickLog(files: [path], format: .csv(CSVColumns(labels: ["click"]))),
            .sequential(training: 0.8, validation: 0.1, test: 0.1))
        let encoded = try FeaturePipeline.fit(FeaturePlan(), log).encode(log)
        logs = Trainer.Logs(
            training: encoded.training, validation: encoded.validation, test: encoded.test)
    }

    private var settings: TradeoffSettings {
        TradeoffSettings(
            contestants: [.full, .dropRare, .hashed, .doubleHashedConcatenate], ratios: [2, 5],
            precisions: [.float32, .int8], seeds: [1, 2],
            training: TrainingSettings(
                model: .fm, dimension: 3, optimizer: .adam(learningRate: 0.02), batchSize: 100,
                epochsMax: 3),
            schema: TableSchema(
                dimension: 4,
                optimizer: .adagrad(learningRate: 0.1, initialAccumulator: 0, epsilon: 1e-10)),
            learningRates: [0.001, 0.2], embeddingL2s: [0, 1e-4])
    }

    /// What a comparison has found, and how many runs were made for it.
    private func run(
        _ settings: TradeoffSettings, journal: String
    ) async throws -> (records: [TradeoffRecord], made: Int) {
        let made = Mutex(0)
        let tradeoff = try Tradeoff(
            settings, logs: logs, journal: RunJournal(path: journal),
            store: ScratchStore(memoryBytes: 64 << 20),
            words: { ("\($0.scheme)", "\($0.hotPrecision)") },
            report: { if case .finished = $0 { made.withLock { $0 += 1 } } })
        let records = try await tradeoff.run()
        return (records, made.withLock { $0 })
    }

    @Test func theBytesAreTheStores() async throws {
        let (records, made) = try await run(settings, journal: folder.path("runs"))
        // Four to tune; two precisions and seeds of the full table, and of three others twice.
        let count = 4 + 4 + 3 * 2 * 4
        #expect(records.count == count)
        // One tuning run is the full table's own with the first seed.
        #expect(made == records.count - 1)
        let ids = logs.training.vocabulary.count
        for record in records {
            let bytes = record.report.bytes
            let rows = record.report.precision == "int8" ? ids * (4 + 4) : ids * 16
            let name = "\(record.contestant) \(record.budgetRatio) \(record.report.precision)"
            if record.contestant == .full {
                #expect(bytes.rows == rows, "\(name)")
                #expect(bytes.optimizerState == ids * 16, "\(name)")
            } else if record.report.precision == "float32" {
                let most = Double(rows) / record.budgetRatio
                #expect(Double(bytes.rows) <= most, "\(name)")
            }
            #expect(bytes.index > 0 && bytes.network > 0)
            let ratio = Double(ids * 16) / Double(bytes.rows)
            #expect(abs(record.report.ratio - ratio) < 1e-9, "\(name)")
        }
        // The best of the grid by validation is everybody's.
        let tuning = records.filter { $0.stage == .tuning }
        let best = try #require(tuning.max { $0.report.validAUC < $1.report.validAUC })
        #expect(best.learningRate == 0.2)
        for record in records where record.stage == .comparison {
            #expect(record.learningRate == best.learningRate)
            #expect(record.embeddingL2 == best.embeddingL2)
        }
    }

    @Test func whatWasFinishedIsNotMadeAgain() async throws {
        let path = folder.path("runs")
        let (records, _) = try await run(settings, journal: path)
        let again = try await run(settings, journal: path)
        #expect(again.made == 0 && again.records == records)

        // As after a kill: some lines are there, and a part of the next one.
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: true)
        let kept = lines.prefix(10).joined(separator: "\n") + "\n" + lines[10].prefix(40)
        try kept.write(toFile: path, atomically: false, encoding: .utf8)
        let resumed = try await run(settings, journal: path)
        #expect(resumed.made == lines.count - 10)
        // Another run takes another time, and comes to the same.
        func outcome(_ records: [TradeoffRecord]) -> [[Double]] {
            records.map {
                [$0.report.testAUC, $0.report.validLogloss, Double($0.report.bytes.rows)]
            }
        }
        #expect(outcome(resumed.records) == outcome(records))
        #expect(
            try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").count
                == lines.count)
    }

    @Test func otherSettingsAreOtherRuns() async throws {
        let path = folder.path("runs")
        var settings = settings
        settings.contestants = [.full]
        settings.precisions = [.float32]
        settings.learningRates = [0.1]
        settings.embeddingL2s = [0]
        #expect(try await run(settings, journal: path).made == 2)
        settings.training.epochsMax = 2
        #expect(try await run(settings, journal: path).made == 2)
        settings.seeds = [1, 2, 3]
        #expect(try await run(settings, journal: path).made == 1)
    }

    @Test func aJournalOfSomethingElseIsLeftAlone() throws {
        for text in ["hello\n", "hello", "{\"a\": 1}\n"] {
            let path = try folder.write("other", text)
            #expect(throws: CTRLabError.self) { try RunJournal(path: path) }
            #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
        }
        #expect(throws: CTRLabError.self) { try RunJournal(path: "/nowhere/runs") }
    }

    @Test func aJournalBelongsToOneRunAtATime() throws {
        let path = folder.path("runs")
        let first = try RunJournal(path: path)
        #expect(throws: CTRLabError.self) { try RunJournal(path: path) }
        withExtendedLifetime(first) {}
    }

    @Test func comparisonsThatCannotBeMade() throws {
        func check(_ change: (inout TradeoffSettings) -> Void) {
            var settings = settings
            change(&settings)
            #expect(throws: CTRLabError.self) {
                try Tradeoff(
                    settings, logs: logs, journal: RunJournal(path: folder.path("r")),
                    store: ScratchStore(memoryBytes: 64 << 20), words: { _ in ("", "") })
            }
        }
        check { $0.contestants = [] }
        check { $0.ratios = [1] }
        check { $0.precisions = [] }
        check { $0.seeds = [1, 1] }
        check { $0.learningRates = [0] }
        check { $0.ownShares = [1] }
        check { $0.training.batchSize = 0 }
    }
}
