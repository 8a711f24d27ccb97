/// Wide & Deep (Cheng et al., DLRS 2016), the wide part without crossed features:
///
///     y = b + Σ w_i·x_i + DNN([v_1 … v_F, x])
struct WideDeep: Model {
    static let usesLinearWeights = true

    private let wide: LR
    private let deep: DNN

    init(_ parameters: Parameters, _ shape: ModelShape, _ settings: NetworkSettings) {
        wide = LR(parameters, shape, settings)
        deep = DNN(parameters, shape, settings)
    }

    func logits(_ input: ModelInput, _ pass: Pass) -> Variable {
        wide.logits(input, pass) + deep.logits(input, pass)
    }
}
