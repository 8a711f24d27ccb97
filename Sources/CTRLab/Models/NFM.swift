/// Neural factorization machine (He and Chua, SIGIR 2017):
///
///     y = b + Σ w_i·x_i + MLP(½[(Σ v_i)² − Σ v_i²])·W
struct NFM: Model {
    static let usesLinearWeights = true

    private let linear: LR
    private let network: MLP
    private let output: Dense

    init(_ parameters: Parameters, _ shape: ModelShape, _ settings: NetworkSettings) {
        linear = LR(parameters, shape, settings)
        network = MLP(parameters, "nfm", inputs: shape.dimension, settings: settings)
        output = Dense(parameters, "nfm.output", inputs: network.outputs, outputs: 1)
    }

    func logits(_ input: ModelInput, _ pass: Pass) -> Variable {
        linear.logits(input, pass) + output(network(input.pairs, pass), pass)
    }
}
