/// `γ ⊙ x̂ + β` (Ioffe and Szegedy, ICML 2015): x̂ is normalized with the batch's mean and variance
/// while training, and with their running means afterwards.
struct BatchNorm {
    private let scale: Parameter
    private let shift: Parameter
    private let mean: Parameter
    private let variance: Parameter

    private static let epsilon: Float = 1e-5
    /// The share of the batch's statistics in the running means.
    private static let momentum: Float = 0.1

    init(_ parameters: Parameters, _ name: String, columns: Int) {
        scale = parameters.constant("\(name).scale", 1, columns: columns)
        shift = parameters.constant("\(name).shift", 0, columns: columns)
        mean = parameters.statistic("\(name).mean", 0, columns: columns)
        variance = parameters.statistic("\(name).variance", 1, columns: columns)
    }

    func callAsFunction(_ x: Variable, _ pass: Pass) -> Variable {
        let normalized: Variable
        // A batch of one row has no variance.
        if pass.isTraining, x.rows > 1 {
            let (result, batchMean, batchVariance) = x.normalizedColumns(epsilon: Self.epsilon)
            normalized = result
            // The unbiased variance, as the running one stands for the population's.
            let unbiased = Float(x.rows) / Float(x.rows - 1)
            for column in 0..<x.columns {
                let m = Self.momentum
                mean.value.values[column] +=
                    m * (batchMean.values[column] - mean.value.values[column])
                variance.value.values[column] +=
                    m * (unbiased * batchVariance.values[column] - variance.value.values[column])
            }
        } else {
            var negated = mean.value
            for column in 0..<x.columns { negated.values[column] *= -1 }
            let factors = variance.value.reciprocalRoots(epsilon: Self.epsilon)
            normalized = x.plusRow(Variable(negated)).scaledColumns(by: Variable(factors))
        }
        return normalized.scaledColumns(by: pass(scale)).plusRow(pass(shift))
    }
}
