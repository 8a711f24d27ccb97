import CKernels

/// An optimizer's step with its settings as the kernels take them.
struct StepRule: Sendable {
    private let kind: Kind
    private let initialState: Float

    private enum Kind: Sendable {
        case sgd(rate: Float)
        case momentum(rate: Float, momentum: Float)
        case adagrad(rate: Float, epsilon: Float)
        case rowwiseAdagrad(rate: Float, epsilon: Float)
        case adam(rate: Double, beta1: Double, beta2: Double, epsilon: Float)
        case ftrl(alpha: Float, beta: Float, l1: Float, l2: Float)
    }

    init(_ optimizer: Optimizer) {
        initialState = optimizer.initialState
        kind =
            switch optimizer {
            case .sgd(let rate): .sgd(rate: Float(rate))
            case .momentum(let rate, let momentum):
                .momentum(rate: Float(rate), momentum: Float(momentum))
            case .adagrad(let rate, _, let epsilon):
                .adagrad(rate: Float(rate), epsilon: Float(epsilon))
            case .rowwiseAdagrad(let rate, _, let epsilon):
                .rowwiseAdagrad(rate: Float(rate), epsilon: Float(epsilon))
            case .adam(let rate, let beta1, let beta2, let epsilon):
                .adam(rate: rate, beta1: beta1, beta2: beta2, epsilon: Float(epsilon))
            case .ftrl(let alpha, let beta, let l1, let l2):
                .ftrl(alpha: Float(alpha), beta: Float(beta), l1: Float(l1), l2: Float(l2))
            }
    }

    /// What one push shares among its rows: Adam's step size of this step, 0 for the others.
    func stepSize(push: Int) -> Float {
        guard case .adam(let rate, let beta1, let beta2, _) = kind else { return 0 }
        let step = Double(push)
        let correction = (1 - power(beta2, step)).squareRoot() / (1 - power(beta1, step))
        return Float(rate * correction)
    }

    /// `base` to a whole power by squaring: the same on every machine, unlike libm's.
    private func power(_ base: Double, _ exponent: Double) -> Double {
        var result = 1.0
        var factor = base
        var rest = UInt64(exponent)
        while rest > 0 {
            if rest & 1 == 1 { result *= factor }
            factor *= factor
            rest >>= 1
        }
        return result
    }

    @inline(__always)
    func step(
        row: UnsafeMutablePointer<Float>, state: UnsafeMutablePointer<Float>,
        gradient: UnsafePointer<Float>, count: Int, stepSize: Float
    ) {
        switch kind {
        case .sgd(let rate):
            unsafe tc_sgd_step(row, gradient, count, rate)
        case .momentum(let rate, let momentum):
            unsafe tc_momentum_step(row, state, gradient, count, rate, momentum)
        case .adagrad(let rate, let epsilon):
            unsafe tc_adagrad_step(row, state, gradient, count, rate, epsilon)
        case .rowwiseAdagrad(let rate, let epsilon):
            unsafe tc_rowwise_adagrad_step(row, state, gradient, count, rate, epsilon)
        case .adam(_, let beta1, let beta2, let epsilon):
            unsafe tc_adam_step(
                row, state, state + count, gradient, count, stepSize, Float(1 - beta1),
                Float(1 - beta2),
                epsilon)
        case .ftrl(let alpha, let beta, let l1, let l2):
            unsafe tc_ftrl_step(row, state, state + count, gradient, count, alpha, beta, l1, l2)
        }
    }

    func initialize(_ state: UnsafeMutablePointer<Float>, count: Int) {
        unsafe state.update(repeating: initialState, count: count)
    }
}
