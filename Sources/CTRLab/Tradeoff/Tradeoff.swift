public import EmbeddingStore

/// Trains one model with many ways to save memory, to see what each costs in AUC.
///
/// The full table is tuned first; the others are trained with its settings. Each run has a table
/// of its own in a store, and the bytes reported are the store's.
public final class Tradeoff {
    /// How the comparison gets on.
    public enum Progress: Sendable {
        /// A run begins, the first being 1; the seconds left are known once one has finished.
        case run(TradeoffRun, number: Int, of: Int, secondsLeft: Double?)
        /// Within it.
        case training(Trainer.Progress)
        case finished(TradeoffRecord)
    }

    private let settings: TradeoffSettings
    private let logs: Trainer.Logs
    private let journal: RunJournal
    private let store: ScratchStore
    private let words: (TableSchema) -> (scheme: String, precision: String)
    private let report: (Progress) -> Void
    private let fingerprint: UInt64
    /// The last preparation and what it made of the logs.
    private var prepared: (ids: IDPreparation, logs: Trainer.Logs)?
    /// Runs that this process has made, and how long they took.
    private var runs = (count: 0, seconds: 0.0)

    /// - Parameters:
    ///   - journal: has the runs that were finished before; they are not made again.
    ///   - words: for the scheme and precision of a table.
    /// - Throws: `badSettings` for a comparison that cannot be made.
    public init(
        _ settings: TradeoffSettings, logs: Trainer.Logs, journal: RunJournal,
        store: ScratchStore, words: @escaping (TableSchema) -> (scheme: String, precision: String),
        report: @escaping (Progress) -> Void = { _ in }
    ) throws(CTRLabError) {
        try settings.validate()
        self.settings = settings
        self.logs = logs
        self.journal = journal
        self.store = store
        self.words = words
        self.report = report
        fingerprint = Fingerprint.of(logs)
    }

    /// The records of all runs, those for tuning first.
    public func run() async throws -> [TradeoffRecord] {
        let tuning = tuningRuns
        // How many there are does not depend on the settings.
        let count =
            tuning.count + comparisons(settings.learningRates[0], settings.embeddingL2s[0]).count
        var records: [TradeoffRecord] = []
        for run in tuning { records.append(try await record(run, records.count + 1, count)) }
        let best = records.max { $0.report.validAUC < $1.report.validAUC }
        let comparisons = comparisons(
            best?.learningRate ?? settings.learningRates[0],
            best?.embeddingL2 ?? settings.embeddingL2s[0])
        for run in comparisons { records.append(try await record(run, records.count + 1, count)) }
        return records
    }

    // MARK: What there is to do

    /// The full table on the grid; nothing where that is one point.
    private var tuningRuns: [TradeoffRun] {
        let grid = settings.learningRates.flatMap { rate in
            settings.embeddingL2s.map { (rate, $0) }
        }
        guard grid.count > 1 else { return [] }
        return grid.map { rate, l2 in
            TradeoffRun(
                .tuning, .full, Contestant.Entry(), budgetRatio: 1, settings, learningRate: rate,
                embeddingL2: l2, precision: .float32, seed: settings.seeds[0])
        }
    }

    /// Every contestant at every budget; the seeds of one entry follow one another.
    private func comparisons(_ learningRate: Double, _ embeddingL2: Float) -> [TradeoffRun] {
        let ids = Set([logs.training, logs.validation, logs.test].flatMap(\.vocabulary)).count
        return settings.contestants.flatMap { contestant in
            (contestant == .full ? [1] : settings.ratios).flatMap { ratio in
                let budget = Contestant.Budget(
                    ratio: ratio, trainingIDs: logs.training.vocabulary.count, allIDs: ids,
                    fields: logs.training.shape.fields, model: settings.training.model,
                    dimension: settings.training.dimension, ownShares: settings.ownShares)
                return contestant.entries(budget, seed: settings.seeds[0]).flatMap { entry in
                    settings.precisions.flatMap { precision in
                        settings.seeds.map { seed in
                            TradeoffRun(
                                .comparison, contestant, entry, budgetRatio: ratio, settings,
                                learningRate: learningRate, embeddingL2: embeddingL2,
                                precision: precision, seed: seed)
                        }
                    }
                }
            }
        }
    }

    // MARK: Doing it

    /// The outcome of a run, from the journal if it has it.
    private func record(_ run: TradeoffRun, _ number: Int, _ count: Int) async throws
        -> TradeoffRecord
    {
        let key = try run.key(log: fingerprint)
        if let known = journal.records[key] {
            // The same training may have been made for another purpose.
            return TradeoffRecord(run, key: key, known.report)
        }
        let secondsLeft =
            runs.count > 0
            ? runs.seconds / Double(runs.count) * Double(count - number + 1) : nil
        report(.run(run, number: number, of: count, secondsLeft: secondsLeft))
        let outcome = try await train(run)
        runs = (runs.count + 1, runs.seconds + outcome.seconds)
        let record = TradeoffRecord(run, key: key, outcome)
        try journal.add(record)
        report(.finished(record))
        return record
    }

    private func train(_ run: TradeoffRun) async throws -> RunReport {
        let logs = prepared(run.ids)
        return try await store.withTable(run.schema) { table in
            let trainer = try Trainer(
                run.training, table: table, logs: logs,
                report: { [report] in report(.training($0)) })
            let result = try await trainer.run()
            let words = words(run.schema)
            return RunReport(
                run.training, scheme: words.scheme, precision: words.precision,
                fullBytes: 4 * self.logs.training.vocabulary.count
                    * settings.training.rowDimension,
                bytes: table.bytes(), result: result)
        }
    }

    private func prepared(_ ids: IDPreparation) -> Trainer.Logs {
        if let prepared, prepared.ids == ids { return prepared.logs }
        let logs = ids.applied(to: logs)
        prepared = (ids, logs)
        return logs
    }
}
