/// Factorization machine (Rendle, ICDM 2010):
///
///     y = b + Σ w_i·x_i + Σ_{i<j} ⟨v_i, v_j⟩·x_i·x_j
struct FM: Model {
    static let usesLinearWeights = true

    private let linear: LR

    init(_ parameters: Parameters, _ shape: ModelShape, _ settings: NetworkSettings) {
        linear = LR(parameters, shape, settings)
    }

    func logits(_ input: ModelInput, _ pass: Pass) -> Variable {
        linear.logits(input, pass) + input.pairs.rowSums()
    }
}
