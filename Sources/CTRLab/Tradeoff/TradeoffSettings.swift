public import EmbeddingStore

/// Which ways to save memory are compared, and on what.
public struct TradeoffSettings: Sendable, Hashable {
    public var contestants: [Contestant]
    /// How many times smaller than the full table the rows are to be, before precision is lowered.
    public var ratios: [Double]
    public var precisions: [Precision]
    /// The same for all contestants, so that differences are between pairs.
    public var seeds: [UInt64]
    /// Which shares of the rows belong to one id each, where the others are shared.
    public var ownShares: [Double]
    /// Of the full table; learning rate and regularization are replaced by those tuned.
    public var training: TrainingSettings
    /// Optimizer and initializer of the rows; the rest is up to the contestants.
    public var schema: TableSchema
    /// What the full table is tuned over, on the first seed, by the AUC of validation.
    public var learningRates: [Double]
    public var embeddingL2s: [Float]

    /// - Parameters:
    ///   - learningRates: of the rows; empty for the optimizer's own.
    ///   - embeddingL2s: empty for that of `training`.
    public init(
        contestants: [Contestant] = Contestant.allCases, ratios: [Double] = [2, 10, 100, 1000],
        precisions: [Precision] = [.float32], seeds: [UInt64] = [1, 2, 3],
        ownShares: [Double] = [0.25, 0.5, 0.75, 0.9], training: TrainingSettings,
        schema: TableSchema, learningRates: [Double] = [],
        embeddingL2s: [Float] = []
    ) {
        self.contestants = contestants
        self.ratios = ratios
        self.precisions = precisions
        self.seeds = seeds
        self.ownShares = ownShares
        self.training = training
        self.schema = schema
        self.learningRates =
            learningRates.isEmpty ? [schema.optimizer.learningRate] : learningRates
        self.embeddingL2s = embeddingL2s.isEmpty ? [training.embeddingL2] : embeddingL2s
    }

    /// Throws `badSettings` for a comparison that cannot be made.
    public func validate() throws(CTRLabError) {
        func check(_ condition: Bool, _ problem: String) throws(CTRLabError) {
            guard condition else { throw .badSettings(problem) }
        }
        try check(!contestants.isEmpty, "there is at least 1 contestant")
        try check(!precisions.isEmpty, "there is at least 1 precision")
        try check(!seeds.isEmpty, "there is at least 1 seed")
        try check(Set(seeds).count == seeds.count, "seeds are different")
        try check(ratios.allSatisfy { $0 > 1 && $0.isFinite }, "a ratio is above 1")
        try check(ownShares.allSatisfy { $0 > 0 && $0 < 1 }, "a share of own rows is in (0, 1)")
        try check(
            learningRates.allSatisfy { $0 > 0 && $0.isFinite }, "a learning rate is above 0")
        try training.validate()
    }
}
