/// Deep learning recommendation model (Naumov et al., arXiv 1906.00091, 2019):
///
///     z = MLP_bottom(x),  y = MLP_top([z, ⟨a, b⟩ for all pairs of z, v_1 … v_F])·W + b
///
/// The bottom network is ``NumberNetwork/dlrm(hidden:)``; without it, numbers come beside the
/// products as they are.
struct DLRM: Model {
    static let usesLinearWeights = false

    private let top: MLP
    private let output: Dense

    init(_ parameters: Parameters, _ shape: ModelShape, _ settings: NetworkSettings) {
        let pairs = shape.fields * (shape.fields - 1) / 2
        let dense = shape.hasNumberVector ? shape.dimension : shape.numbers
        top = MLP(parameters, "top", inputs: dense + pairs, settings: settings)
        output = Dense(parameters, "top.output", inputs: top.outputs, outputs: 1)
    }

    func logits(_ input: ModelInput, _ pass: Pass) -> Variable {
        let dense = input.numberVector ?? input.numbers
        let products = input.embeddings.innerProducts(fields: input.fields)
        return output(top(.joined((dense.map { [$0] } ?? []) + [products]), pass), pass)
    }
}
