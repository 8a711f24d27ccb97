/// NFM joined with a DNN: the last hidden layers of both networks meet in one output (He and Chua,
/// SIGIR 2017; Cheng et al., DLRS 2016):
///
///     y = b + Σ w_i·x_i + [MLP_1(½[(Σ v_i)² − Σ v_i²]), MLP_2([v_1 … v_F, x])]·W
struct NFMDNN: Model {
    static let usesLinearWeights = true

    private let linear: LR
    private let pairNetwork: MLP
    private let network: MLP
    private let output: Dense

    init(_ parameters: Parameters, _ shape: ModelShape, _ settings: NetworkSettings) {
        linear = LR(parameters, shape, settings)
        pairNetwork = MLP(parameters, "nfm", inputs: shape.dimension, settings: settings)
        network = MLP(parameters, "dnn", inputs: shape.flatColumns, settings: settings)
        output = Dense(
            parameters, "output", inputs: pairNetwork.outputs + network.outputs, outputs: 1)
    }

    func logits(_ input: ModelInput, _ pass: Pass) -> Variable {
        let joined: Variable = .joined([
            pairNetwork(input.pairs, pass), network(input.flat, pass),
        ])
        return linear.logits(input, pass) + output(joined, pass)
    }
}
