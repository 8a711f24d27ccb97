/// The rule by which a push moves a row, with its settings.
///
/// The rules follow `torch.optim` where it has them (`SparseAdam` for
/// ``adam(learningRate:beta1:beta2:epsilon:)``), and the paper where it has not. A push moves the
/// rows that it names and no others.
public enum Optimizer: Sendable, Hashable, Codable {
    case sgd(learningRate: Double)
    case momentum(learningRate: Double, momentum: Double)
    case adagrad(learningRate: Double, initialAccumulator: Double, epsilon: Double)
    /// One accumulator for the whole row: the running sum of the mean squared gradient.
    case rowwiseAdagrad(learningRate: Double, initialAccumulator: Double, epsilon: Double)
    /// The step of the bias correction counts pushes to the table.
    case adam(learningRate: Double, beta1: Double, beta2: Double, epsilon: Double)
    /// FTRL-Proximal, McMahan et al., KDD 2013, Algorithm 1, per coordinate.
    case ftrl(alpha: Double, beta: Double, l1: Double, l2: Double)

    /// Floats of optimizer state kept beside a row of `dimension` floats.
    package func stateCount(dimension: Int) -> Int {
        switch self {
        case .sgd: 0
        case .momentum, .adagrad: dimension
        case .rowwiseAdagrad: 1
        case .adam, .ftrl: 2 * dimension
        }
    }

    /// Which floats of the state are sums or means of squares.
    func squares(dimension: Int) -> Range<Int> {
        switch self {
        case .sgd, .momentum: 0..<0
        case .adagrad, .rowwiseAdagrad: 0..<stateCount(dimension: dimension)
        case .adam, .ftrl: dimension..<2 * dimension
        }
    }

    /// What every float of a new row's optimizer state starts as.
    var initialState: Float {
        switch self {
        case .adagrad(_, let initial, _), .rowwiseAdagrad(_, let initial, _): Float(initial)
        case .sgd, .momentum, .adam, .ftrl: 0
        }
    }

    /// Why these settings cannot be used, or nil.
    var problem: String? {
        func check(_ conditions: (Bool, String)...) -> String? {
            conditions.first { !$0.0 }?.1
        }
        // As the kernels see them: a double may overflow a float, or vanish in it.
        func nonNegative(_ value: Double) -> Bool { Float(value).isFinite && value >= 0 }
        func positive(_ value: Double) -> Bool { Float(value).isFinite && Float(value) > 0 }
        func fraction(_ value: Double) -> Bool { value >= 0 && Float(1 - value) > 0 }
        switch self {
        case .sgd(let rate):
            return check((nonNegative(rate), "learning rate must be at least 0"))
        case .momentum(let rate, let momentum):
            return check(
                (nonNegative(rate), "learning rate must be at least 0"),
                (nonNegative(momentum), "momentum must be at least 0"))
        case .adagrad(let rate, let initial, let epsilon),
            .rowwiseAdagrad(let rate, let initial, let epsilon):
            return check(
                (nonNegative(rate), "learning rate must be at least 0"),
                (nonNegative(initial), "initial accumulator must be at least 0"),
                (nonNegative(epsilon), "epsilon must be at least 0"),
                (
                    positive(epsilon) || positive(initial),
                    "one of epsilon and initial accumulator must be above 0"
                ))
        case .adam(let rate, let beta1, let beta2, let epsilon):
            return check(
                (nonNegative(rate), "learning rate must be at least 0"),
                (fraction(beta1), "beta1 must be in [0, 1)"),
                (fraction(beta2), "beta2 must be in [0, 1)"),
                (positive(epsilon), "epsilon must be above 0"))
        case .ftrl(let alpha, let beta, let l1, let l2):
            return check(
                (positive(alpha), "alpha must be above 0"),
                (nonNegative(beta), "beta must be at least 0"),
                (nonNegative(l1), "l1 must be at least 0"),
                (nonNegative(l2), "l2 must be at least 0"))
        }
    }
}
