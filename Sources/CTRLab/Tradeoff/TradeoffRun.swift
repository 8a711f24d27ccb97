public import EmbeddingStore
internal import Foundation

/// One training that a comparison asks for.
public struct TradeoffRun: Sendable, Hashable {
    /// What a run is for.
    public enum Stage: String, Sendable, Hashable, Codable {
        /// To find the settings of the full table.
        case tuning
        case comparison
    }

    public let stage: Stage
    public let contestant: Contestant
    /// What tells it from other entries of the contestant at the budget.
    public let variant: String
    /// What the contestant was to keep to: how many times smaller than the full table; 1 for that.
    public let budgetRatio: Double
    let ids: IDPreparation
    let schema: TableSchema
    let training: TrainingSettings

    /// Of the rows.
    public var learningRate: Double { schema.optimizer.learningRate }
    public var embeddingL2: Float { training.embeddingL2 }
    public var precision: Precision { schema.hotPrecision }
    public var seed: UInt64 { training.seed }

    /// The full table with one pair of settings, or one of the tuned settings' comparisons.
    init(
        _ stage: Stage, _ contestant: Contestant, _ entry: Contestant.Entry, budgetRatio: Double,
        _ settings: TradeoffSettings, learningRate: Double, embeddingL2: Float,
        precision: Precision, seed: UInt64
    ) {
        self.stage = stage
        self.contestant = contestant
        self.budgetRatio = budgetRatio
        variant = entry.variant
        ids = entry.ids
        var training = settings.training
        training.dimension = entry.dimension ?? training.dimension
        training.embeddingL2 = embeddingL2
        training.seed = seed
        self.training = training
        var schema = settings.schema
        schema.dimension = training.rowDimension
        schema.optimizer = schema.optimizer.with(learningRate: learningRate)
        schema.hotPrecision = precision
        schema.coldPrecision = precision
        schema.scheme = entry.scheme
        schema.admissionCount = entry.admissionCount
        schema.seed = seed
        self.schema = schema
    }

    /// What everything that decides the outcome comes to, the same in every process.
    ///
    /// - Parameter log: fingerprint of the rows.
    func key(log: UInt64) throws -> String {
        struct Identity: Encodable {
            var ids: IDPreparation
            var schema: TableSchema
            var training: TrainingSettings
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let settings = try encoder.encode(Identity(ids: ids, schema: schema, training: training))
        var fingerprint = Fingerprint()
        fingerprint.add(settings)
        fingerprint.add([log])
        let digits = String(fingerprint.value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
