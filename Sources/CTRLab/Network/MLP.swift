/// Layers `dropout(relu(norm(x·W + b)))`, one after the other.
struct MLP {
    private let layers: [(dense: Dense, norm: BatchNorm?)]
    private let dropout: Float
    /// Columns of the result.
    let outputs: Int

    init(_ parameters: Parameters, _ name: String, inputs: Int, settings: NetworkSettings) {
        var width = inputs
        layers = settings.hidden.enumerated().map { index, outputs in
            defer { width = outputs }
            let name = "\(name).\(index)"
            return (
                Dense(parameters, name, inputs: width, outputs: outputs),
                settings.batchNorm
                    ? BatchNorm(parameters, "\(name).norm", columns: outputs) : nil
            )
        }
        outputs = width
        dropout = settings.dropout
    }

    func callAsFunction(_ x: Variable, _ pass: Pass) -> Variable {
        layers.reduce(x) { x, layer in
            let x =
                layer.norm.map { norm in norm(layer.dense(x, pass), pass).relu() }
                ?? layer.dense(x, pass, rectified: true)
            return pass.isTraining ? x.dropout(rate: dropout, using: &pass.random) : x
        }
    }
}
