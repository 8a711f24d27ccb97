/// A model of click probability: logits out of embeddings.
protocol Model {
    /// Whether rows carry a linear weight beside the embedding.
    static var usesLinearWeights: Bool { get }

    init(_ parameters: Parameters, _ shape: ModelShape, _ settings: NetworkSettings)

    /// examples × labels; a probability is the sigmoid of its logit.
    func logits(_ input: ModelInput, _ pass: Pass) -> Variable
}
