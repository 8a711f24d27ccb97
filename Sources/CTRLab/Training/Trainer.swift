internal import Foundation

/// Trains one model on one table.
public final class Trainer {
    /// How training gets on.
    public enum Progress: Sendable {
        /// Within an epoch: the examples so far, and the mean loss of those since the last report.
        case step(epoch: Int, examples: Int, of: Int, loss: Double, samplesPerSecond: Double)
        /// After an epoch.
        case epoch(Int, loss: Double, validation: Evaluation, isBest: Bool, seconds: Double)
    }

    /// What came of it.
    public struct Result: Sendable, Hashable, Codable {
        /// The epoch with the best validation AUC, which the figures are of.
        public var bestEpoch: Int
        public var epochsRun: Int
        public var validation: Evaluation
        public var test: Evaluation
        /// Of training alone, without evaluation.
        public var samplesPerSecond: Double
        /// Of the whole, evaluation included.
        public var seconds: Double
        /// Of the dense part.
        public var networkBytes: Int
    }

    /// Rows for training, validation and test.
    public struct Logs: Sendable {
        public var training: EncodedLog
        public var validation: EncodedLog
        public var test: EncodedLog
        /// Of each example of validation and test the group for group AUC; nil without groups.
        var validationGroups: [UInt64]?
        var testGroups: [UInt64]?

        /// - Parameter groupField: the field of ids that make the groups of group AUC.
        public init(
            training: EncodedLog, validation: EncodedLog, test: EncodedLog, groupField: Int? = nil
        ) {
            self.training = training
            self.validation = validation
            self.test = test
            validationGroups = groupField.map { validation.groups(field: $0) }
            testGroups = groupField.map { test.groups(field: $0) }
        }
    }

    private let settings: TrainingSettings
    private let table: any RowTable
    private let logs: Logs
    private let report: (Progress) -> Void

    /// Throws `badSettings` for settings that nothing can be trained with, or a table whose rows
    /// do not have the dimension that the model needs.
    public init(
        _ settings: TrainingSettings, table: any RowTable, logs: Logs,
        report: @escaping (Progress) -> Void = { _ in }
    ) throws(CTRLabError) {
        try settings.validate()
        guard table.dimension == settings.rowDimension else {
            throw .badSettings(
                "the rows of \(settings.model.rawValue) have \(settings.rowDimension) floats, "
                    + "those of the table \(table.dimension)")
        }
        self.settings = settings
        self.table = table
        self.logs = logs
        self.report = report
    }

    /// Trains until the validation AUC has not become better for a while.
    ///
    /// The test rows are predicted whenever it has, so that the figures are those of the best
    /// epoch; the table ends as the last epoch has left it.
    public func run() async throws -> Result {
        let started = ContinuousClock.now
        if settings.model == .fnn { try await pretrain() }
        let network = try network(settings.model)
        var best: (epoch: Int, validation: Evaluation, test: Evaluation)?
        var epoch = 0
        var trained = Duration.zero
        while epoch < settings.epochsMax {
            epoch += 1
            let epochStarted = ContinuousClock.now
            let loss = try await train(network, epoch: epoch)
            let duration = ContinuousClock.now - epochStarted
            trained += duration
            let validation = try await evaluate(
                network, logs.validation, logs.validationGroups)
            let isBest = best.map { validation.auc > $0.validation.auc } ?? true
            report(
                .epoch(
                    epoch, loss: loss, validation: validation, isBest: isBest,
                    seconds: duration / .seconds(1)))
            if isBest {
                best = (
                    epoch, validation, try await evaluate(network, logs.test, logs.testGroups)
                )
            } else if let best, epoch - best.epoch >= settings.patience {
                break
            } else {
                rateFactorEnd *= settings.decay
            }
        }
        guard let best else { preconditionFailure("there is at least one epoch") }
        return Result(
            bestEpoch: best.epoch, epochsRun: epoch, validation: best.validation, test: best.test,
            samplesPerSecond: Double(epoch * logs.training.count) / (trained / .seconds(1)),
            seconds: (ContinuousClock.now - started) / .seconds(1),
            networkBytes: network.parameters.byteCount)
    }

    /// The rows as a factorization machine leaves them.
    private func pretrain() async throws {
        guard settings.pretrainingEpochs > 0 else { return }
        let machine = try network(.fm)
        for epoch in 1...settings.pretrainingEpochs {
            _ = try await train(machine, epoch: epoch)
        }
        step = 0
    }

    private func network(_ kind: ModelKind) throws(CTRLabError) -> CTRNetwork {
        try CTRNetwork(
            kind, dimension: settings.dimension, features: logs.training.shape,
            settings: settings.network, numbers: settings.numbers, seed: settings.seed)
    }

    // MARK: Training

    /// Steps of the dense part so far.
    private var step = 0
    /// What decay leaves of the learning rates in the end, and what it has left so far.
    ///
    /// Rates fall over half an epoch. The gradients of rows are multiplied in place of their rate,
    /// and at one blow Adam's momentum would carry rows on at the old rate while new gradients are
    /// too small to steer them.
    private var rateFactorEnd: Float = 1
    private var rateFactor: Float = 1

    /// One pass over the training rows; returns the mean loss.
    private func train(_ network: CTRNetwork, epoch: Int) async throws -> Double {
        let seed = SplitMix64.mix(settings.seed &+ UInt64(epoch))
        var random = SplitMix64(seed: seed ^ 0x6472_6F70)
        let reader = BatchReader(
            logs.training, batchSize: settings.batchSize, shuffle: seed,
            namesEveryID: settings.rowSteps == .all, idsShareRows: !table.hasOwnRows)
        var meter = LossMeter(epoch: epoch, examplesMax: logs.training.count, report: report)
        let table = table
        var (current, rows) = try await Self.next(reader, table, create: true)
        var following = reader.next()
        while let batch = current {
            let next = following
            // At once with the computing and the push, being about other rows and other batches.
            async let ahead = Self.ahead(next, reader, table)
            let (loss, gradient, finish) = learn(network, batch, rows, &random)
            guard loss.isFinite else {
                throw CTRLabError.badSettings(
                    "the loss is not finite after \(step) steps; a smaller learning rate may help")
            }
            async let shared = table.push(
                batch.ids, gradients: gradient, thenPull: next?.sharedIDs ?? [])
            finish()
            meter.add(loss, examples: batch.bags.examples)
            current = next
            (rows, following) = try await ahead
            rows += try await shared
        }
        return meter.mean
    }

    /// One step; returns the loss, the gradient of the rows, and what moves the dense part, whose
    /// gradients may be computed there only.
    private func learn(
        _ network: CTRNetwork, _ batch: Batch, _ values: [Float], _ random: inout SplitMix64
    ) -> (loss: Double, rows: [Float], finish: () -> Void) {
        step += 1
        if rateFactor > rateFactorEnd {
            let steps = Float(max(1, logs.training.count / settings.batchSize / 2))
            rateFactor = max(rateFactorEnd, rateFactor * pow(settings.decay, 1 / steps))
        }
        let rows = Variable(
            Matrix(batch.ids.count, table.dimension, values), needsGradient: true)
        let pass = Pass(isTraining: true, random: random)
        let loss = network.logits(batch, rows: rows, pass).crossEntropy(batch.labels)
        random = pass.random
        loss.differentiate()
        var gradient = rows.gradient ?? Matrix(zeros: rows.rows, rows.columns)
        if settings.embeddingL2 > 0 { gradient.add(rows.value, times: settings.embeddingL2) }
        // Without a limit nobody asks for the gradients of the dense part here.
        let clip =
            settings.gradientNormMax > 0
            ? clip(pass.gradients.map(\.gradient) + [gradient]) : 1
        if clip * rateFactor < 1 { gradient = gradient.scaled(by: clip * rateFactor) }
        let finish = { [settings, step, rateFactor] in
            var gradients = pass.gradients
            if clip < 1 {
                for index in gradients.indices {
                    gradients[index].gradient = gradients[index].gradient.scaled(by: clip)
                }
            }
            settings.optimizer.move(gradients, step: step, factor: rateFactor)
        }
        return (Double(loss.value.values[0]), gradient.values, finish)
    }

    /// The factor that keeps the norm of all gradients together within the limit.
    private func clip(_ gradients: [Matrix]) -> Float {
        let norm = gradients.reduce(0) { $0 + Double($1.squaredNorm) }.squareRoot()
        return min(1, settings.gradientNormMax / Float(norm))
    }

    // MARK: Prediction

    private func evaluate(
        _ network: CTRNetwork, _ log: EncodedLog, _ groups: [UInt64]?
    ) async throws -> Evaluation {
        let reader = BatchReader(log, batchSize: settings.batchSize)
        var logits: [Float] = []
        let table = table
        var (current, rows) = try await Self.next(reader, table)
        while let batch = current {
            async let following = Self.next(reader, table)
            let values = Variable(Matrix(batch.ids.count, table.dimension, rows))
            logits += network.logits(batch, rows: values, Pass(isTraining: false)).value.values
            (current, rows) = try await following
        }
        return Evaluation(logits: logits, log, groups: groups)
    }

    // MARK: Reading ahead

    /// Pulls the rows of a batch that the batch before does not change, then reads the batch after
    /// it.
    private static func ahead(
        _ batch: Batch?, _ reader: BatchReader, _ table: any RowTable
    ) async throws -> (fresh: [Float], following: Batch?) {
        let ids = batch?.freshIDs ?? []
        let fresh = ids.isEmpty ? [] : try await table.pull(ids, create: true)
        return (fresh, batch == nil ? nil : reader.next())
    }

    /// The next batch with all its rows.
    private static func next(
        _ reader: BatchReader, _ table: any RowTable, create: Bool = false
    ) async throws -> (Batch?, rows: [Float]) {
        guard let batch = reader.next() else { return (nil, []) }
        return (batch, batch.ids.isEmpty ? [] : try await table.pull(batch.ids, create: create))
    }
}
