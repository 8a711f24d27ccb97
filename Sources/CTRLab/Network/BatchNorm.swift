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
        // A batch of one row has no variance.
        if pass.isTraining, x.rows > 1 {
            let (normalized, batchMean, batchVariance) = x.normalizedColumns(epsilon: Self.epsilon)
            // The unbiased variance, as the running one stands for the population's.
            let unbiased = Float(x.rows) / Float(x.rows - 1)
            let m = Self.momentum
            mean.value = mean.value.withRow(batchMean) { $0 + m * ($1 - $0) }
            variance.value = variance.value.withRow(batchVariance) {
                $0 + m * (unbiased * $1 - $0)
            }
            return normalized.scaledColumns(by: pass(scale), plus: pass(shift))
        }
        // γ·(x − μ)/√(σ² + ε) + β is one factor and one addend for each column.
        let factors = scale.value.withRow(variance.value) {
            $0 / ($1 + Self.epsilon).squareRoot()
        }
        let centers = mean.value.withRow(factors) { -$0 * $1 }
        let addends = shift.value.withRow(centers) { $0 + $1 }
        return x.scaledColumns(by: Variable(factors), plus: Variable(addends))
    }
}
