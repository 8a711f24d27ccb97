/// Product-based network with inner products (Qu et al., ICDM 2016):
///
///     y = MLP([v_1 … v_F, x, ⟨v_1, v_2⟩, ⟨v_1, v_3⟩, …])·W + b
struct IPNN: Model {
    static let usesLinearWeights = false

    private let network: MLP
    private let output: Dense

    init(_ parameters: Parameters, _ shape: ModelShape, _ settings: NetworkSettings) {
        let pairs = shape.fields * (shape.fields - 1) / 2
        network = MLP(
            parameters, "ipnn", inputs: shape.flatColumns + pairs, settings: settings)
        output = Dense(parameters, "ipnn.output", inputs: network.outputs, outputs: 1)
    }

    func logits(_ input: ModelInput, _ pass: Pass) -> Variable {
        let products = input.embeddings.innerProducts(fields: input.fields)
        return output(network(.joined([input.flat, products]), pass), pass)
    }
}
