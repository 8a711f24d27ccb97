/// Deep & cross network (Wang et al., ADKDD 2017):
///
///     x_0 = [v_1 … v_F, x],  x_{l+1} = x_0·(x_lᵀ·w_l) + b_l + x_l
///     y = [x_L, MLP(x_0)]·W + b
struct DCN: Model {
    static let usesLinearWeights = false

    private let cross: [(weights: Parameter, bias: Parameter)]
    private let network: MLP
    private let output: Dense

    init(_ parameters: Parameters, _ shape: ModelShape, _ settings: NetworkSettings) {
        let columns = shape.flatColumns
        cross = (0..<settings.crossLayers).map {
            (
                parameters.weights("cross.\($0).weights", inputs: columns, outputs: 1),
                parameters.constant("cross.\($0).bias", 0, columns: columns)
            )
        }
        network = MLP(parameters, "dnn", inputs: columns, settings: settings)
        output = Dense(parameters, "output", inputs: columns + network.outputs, outputs: 1)
    }

    func logits(_ input: ModelInput, _ pass: Pass) -> Variable {
        let x0 = input.flat
        let crossed = cross.reduce(x0) { x, layer in
            x0.scaledRows(by: x.times(pass(layer.weights))).plusRow(pass(layer.bias)) + x
        }
        return output(.joined([crossed, network(x0, pass)]), pass)
    }
}
