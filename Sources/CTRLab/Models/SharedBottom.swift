/// Several labels at once with a shared bottom (Caruana, Multitask learning, Machine Learning 28,
/// 1997):
///
///     h = MLP([v_1 … v_F, x]),  y_t = relu(h·A_t + a_t)·W_t + b_t  for each label t
struct SharedBottom: Model {
    static let usesLinearWeights = false

    private let bottom: MLP
    private let towers: [(hidden: Dense, output: Dense)]

    init(_ parameters: Parameters, _ shape: ModelShape, _ settings: NetworkSettings) {
        let bottom = MLP(parameters, "bottom", inputs: shape.flatColumns, settings: settings)
        let width = max(bottom.outputs / 2, 1)
        self.bottom = bottom
        towers = (0..<shape.labels).map {
            (
                Dense(parameters, "tower.\($0)", inputs: bottom.outputs, outputs: width),
                Dense(parameters, "tower.\($0).output", inputs: width, outputs: 1)
            )
        }
    }

    func logits(_ input: ModelInput, _ pass: Pass) -> Variable {
        let h = bottom(input.flat, pass)
        return .joined(towers.map { $0.output($0.hidden(h, pass).relu(), pass) })
    }
}
