/// DeepFM (Guo et al., IJCAI 2017): both parts share the embeddings.
///
///     y = FM(w, v) + DNN([v_1 … v_F, x])
struct DeepFM: Model {
    static let usesLinearWeights = true

    private let fm: FM
    private let deep: DNN

    init(_ parameters: Parameters, _ shape: ModelShape, _ settings: NetworkSettings) {
        fm = FM(parameters, shape, settings)
        deep = DNN(parameters, shape, settings)
    }

    func logits(_ input: ModelInput, _ pass: Pass) -> Variable {
        fm.logits(input, pass) + deep.logits(input, pass)
    }
}
