/// How a model is trained.
public struct TrainingSettings: Sendable, Hashable, Codable {
    /// Which rows a step moves.
    public enum RowSteps: String, Sendable, Hashable, Codable, CaseIterable {
        /// Those of the batch's ids, as a parameter server does. Regularization then shrinks a row
        /// only when it is used.
        case batch
        /// All of the training ids, as a dense optimizer does on the whole embedding matrix: what
        /// published figures of small tables were made with. The time of a step grows with the
        /// table.
        case all
    }

    public var model: ModelKind
    /// Floats of an embedding; a row has one more for models with linear weights.
    public var dimension: Int
    public var network: NetworkSettings
    public var numbers: NumberNetwork
    /// λ of `λ/2·‖rows‖²`, whose gradient `λ·row` is added to that of the mean loss.
    public var embeddingL2: Float
    public var rowSteps: RowSteps
    /// What the norm of all gradients of a step together is reduced to where it is larger
    /// (Pascanu et al., ICML 2013); 0 for no limit.
    ///
    /// Batch norm over embeddings that start close to 0 makes the first gradients large, and Adam
    /// takes small steps for as long as it remembers them.
    public var gradientNormMax: Float
    /// Of the dense part; the table's schema has that of the rows.
    public var optimizer: DenseOptimizer
    public var batchSize: Int
    public var epochsMax: Int
    /// Epochs without a better validation AUC after which training ends.
    public var patience: Int
    /// What the learning rate is multiplied by after each such epoch, at most 1; it falls over the
    /// first half of the next one.
    ///
    /// The rate of the rows belongs to their table; their gradients are multiplied instead. For SGD
    /// that is the same, and for Adagrad and Adam it is close to it for the few epochs that
    /// follow, because what they divide by remembers the gradients before.
    public var decay: Float
    /// Epochs in which FNN's rows are trained as a factorization machine first.
    public var pretrainingEpochs: Int
    /// Decides the start of the dense part, the order of the examples and dropout; the table's
    /// schema has that of the rows.
    public var seed: UInt64

    public init(
        model: ModelKind, dimension: Int = 16, network: NetworkSettings = NetworkSettings(),
        numbers: NumberNetwork = .none, embeddingL2: Float = 0, rowSteps: RowSteps = .batch,
        gradientNormMax: Float = 0, optimizer: DenseOptimizer = .adam(), batchSize: Int = 4096,
        epochsMax: Int = 20, patience: Int = 2, decay: Float = 0.1, pretrainingEpochs: Int = 3,
        seed: UInt64 = 1
    ) {
        self.model = model
        self.dimension = dimension
        self.network = network
        self.numbers = numbers
        self.embeddingL2 = embeddingL2
        self.rowSteps = rowSteps
        self.gradientNormMax = gradientNormMax
        self.optimizer = optimizer
        self.batchSize = batchSize
        self.epochsMax = epochsMax
        self.patience = patience
        self.decay = decay
        self.pretrainingEpochs = pretrainingEpochs
        self.seed = seed
    }

    /// Floats of a row of the table.
    public var rowDimension: Int { model.rowDimension(dimension: dimension) }

    /// Throws `badSettings` for settings that nothing can be trained with.
    func validate() throws(CTRLabError) {
        func check(_ condition: Bool, _ problem: String) throws(CTRLabError) {
            guard condition else { throw .badSettings(problem) }
        }
        try check(dimension >= 1, "the dimension is at least 1")
        try check(!network.hidden.isEmpty, "a network has at least one hidden layer")
        try check(network.hidden.allSatisfy { $0 >= 1 }, "a hidden layer has at least 1 output")
        try check((0..<1).contains(network.dropout), "dropout is at least 0 and below 1")
        try check(network.crossLayers >= 1, "there is at least 1 cross layer")
        try check(
            !network.interactionMaps.isEmpty && network.interactionMaps.allSatisfy { $0 >= 1 },
            "an interaction layer has at least 1 map")
        try check(embeddingL2 >= 0 && embeddingL2.isFinite, "the L2 factor is at least 0")
        try check(
            gradientNormMax >= 0 && gradientNormMax.isFinite,
            "the limit of the gradients' norm is at least 0")
        try check(batchSize >= 1, "a batch has at least 1 example")
        try check(epochsMax >= 1, "there is at least 1 epoch")
        try check(patience >= 1, "the patience is at least 1 epoch")
        try check(decay > 0 && decay <= 1, "the decay is above 0 and at most 1")
        try check(pretrainingEpochs >= 0, "the pretraining epochs are at least 0")
        switch numbers {
        case .none: break
        case .dlrm(let hidden):
            try check(hidden.allSatisfy { $0 >= 1 }, "a hidden layer has at least 1 output")
        case .autoDis(let count, let temperature):
            try check(count >= 1, "AutoDis has at least 1 meta-embedding")
            try check(temperature > 0 && temperature.isFinite, "the temperature is above 0")
        }
        switch optimizer {
        case .adam(let rate), .adagrad(let rate):
            try check(rate > 0 && rate.isFinite, "the learning rate is above 0")
        }
    }
}
