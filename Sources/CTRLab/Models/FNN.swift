/// Factorization-machine supported network (Zhang, Du and Wang, ECIR 2016):
///
///     y = MLP([w_1, v_1, …, w_F, v_F, x])·W + b,  w and v first trained as those of FM
///
/// The rows are the same as those of ``FM``, so the first epochs train that model on the table.
struct FNN: Model {
    static let usesLinearWeights = true

    private let network: MLP
    private let output: Dense

    init(_ parameters: Parameters, _ shape: ModelShape, _ settings: NetworkSettings) {
        network = MLP(
            parameters, "fnn", inputs: shape.flatColumns + shape.idFields, settings: settings)
        output = Dense(parameters, "fnn.output", inputs: network.outputs, outputs: 1)
    }

    func logits(_ input: ModelInput, _ pass: Pass) -> Variable {
        let numbers = [input.numberEmbeddings, input.numbers].compactMap(\.self)
        let x: Variable = .joined([input.wholeRows] + numbers)
        return output(network(x, pass), pass)
    }
}
