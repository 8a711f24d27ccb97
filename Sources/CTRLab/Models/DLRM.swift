/// Deep learning recommendation model (Naumov et al., arXiv 1906.00091, 2019):
///
///     z = MLP_bottom(x),  y = MLP_top([z, ⟨a, b⟩ for all pairs of z, v_1 … v_F])·W + b
///
/// or, where embeddings are joined instead of multiplied, `y = MLP_top([z, v_1 … v_F])·W + b`.
///
/// The bottom network is ``NumberNetwork/dlrm(hidden:)``; without it, numbers come beside the
/// products as they are.
struct DLRM: Model {
    static let usesLinearWeights = false

    private let interaction: NetworkSettings.Interaction
    private let top: MLP
    private let output: Dense

    init(_ parameters: Parameters, _ shape: ModelShape, _ settings: NetworkSettings) {
        interaction = settings.interaction
        let pairs = shape.fields * (shape.fields - 1) / 2
        let dense = shape.hasNumberVector ? shape.dimension : shape.numbers
        let inputs = interaction == .dot ? dense + pairs : shape.flatColumns
        top = MLP(parameters, "top", inputs: inputs, settings: settings)
        output = Dense(parameters, "top.output", inputs: top.outputs, outputs: 1)
    }

    func logits(_ input: ModelInput, _ pass: Pass) -> Variable {
        output(top(joined(input), pass), pass)
    }

    private func joined(_ input: ModelInput) -> Variable {
        switch interaction {
        case .cat: return input.flat
        case .dot:
            let dense = input.numberVector ?? input.numbers
            let products = input.embeddings.innerProducts(fields: input.fields)
            return .joined((dense.map { [$0] } ?? []) + [products])
        }
    }
}
