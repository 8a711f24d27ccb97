/// A network on the embeddings, the deep part of other models (Cheng et al., DLRS 2016):
///
///     y = MLP([v_1 … v_F, x])·W + b
struct DNN: Model {
    static let usesLinearWeights = false

    private let network: MLP
    private let output: Dense

    init(_ parameters: Parameters, _ shape: ModelShape, _ settings: NetworkSettings) {
        network = MLP(parameters, "dnn", inputs: shape.flatColumns, settings: settings)
        output = Dense(parameters, "dnn.output", inputs: network.outputs, outputs: 1)
    }

    func logits(_ input: ModelInput, _ pass: Pass) -> Variable {
        output(network(input.flat, pass), pass)
    }
}
