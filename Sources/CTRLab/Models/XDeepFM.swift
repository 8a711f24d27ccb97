/// xDeepFM (Lian et al., KDD 2018): a compressed interaction network (CIN), a DNN and a linear part.
///
///     X^0 = [v_1 … v_F] as fields × dimension
///     X^k[h] = Σ_{i,j} W^k[h, i, j] · X^{k−1}[i] ⊙ X^0[j]
///     y = b + Σ w_i·x_i + [sum over dimensions of X^1 … X^K]·W + DNN([v_1 … v_F, x])
struct XDeepFM: Model {
    static let usesLinearWeights = true

    private let linear: LR
    private let deep: DNN
    private let interactions: [Parameter]
    private let output: Dense
    private let dimension: Int

    init(_ parameters: Parameters, _ shape: ModelShape, _ settings: NetworkSettings) {
        linear = LR(parameters, shape, settings)
        deep = DNN(parameters, shape, settings)
        dimension = shape.dimension
        var maps = shape.fields
        interactions = settings.interactionMaps.enumerated().map { index, outputs in
            defer { maps = outputs }
            return parameters.weights(
                "cin.\(index)", inputs: maps * shape.fields, outputs: outputs)
        }
        output = Dense(
            parameters, "cin.output", inputs: settings.interactionMaps.reduce(0, +), outputs: 1)
    }

    func logits(_ input: ModelInput, _ pass: Pass) -> Variable {
        // A row for each example and dimension, a column for each field.
        let x0 = input.embeddings.transposedFields(fields: input.fields)
            .reshaped(columns: input.fields)
        var x = x0
        var sums: [Variable] = []
        for weights in interactions {
            x = x.weightedOuterProducts(with: x0, weights: pass(weights))
            let maps = x.columns
            // examples × (dimension · maps), transposed: each map's dimensions stand together.
            let byMap = x.reshaped(columns: dimension * maps).transposedFields(fields: dimension)
            sums.append(byMap.reshaped(columns: dimension).rowSums().reshaped(columns: maps))
        }
        return linear.logits(input, pass) + deep.logits(input, pass)
            + output(.joined(sums), pass)
    }
}
