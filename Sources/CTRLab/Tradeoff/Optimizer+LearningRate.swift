internal import EmbeddingStore

extension Optimizer {
    var learningRate: Double {
        switch self {
        case .sgd(let rate), .momentum(let rate, _), .adagrad(let rate, _, _),
            .rowwiseAdagrad(let rate, _, _), .adam(let rate, _, _, _), .ftrl(let rate, _, _, _):
            rate
        }
    }

    /// The same rule with another learning rate.
    func with(learningRate rate: Double) -> Optimizer {
        switch self {
        case .sgd:
            .sgd(learningRate: rate)
        case .momentum(_, let momentum):
            .momentum(learningRate: rate, momentum: momentum)
        case .adagrad(_, let initial, let epsilon):
            .adagrad(learningRate: rate, initialAccumulator: initial, epsilon: epsilon)
        case .rowwiseAdagrad(_, let initial, let epsilon):
            .rowwiseAdagrad(learningRate: rate, initialAccumulator: initial, epsilon: epsilon)
        case .adam(_, let beta1, let beta2, let epsilon):
            .adam(learningRate: rate, beta1: beta1, beta2: beta2, epsilon: epsilon)
        case .ftrl(_, let beta, let l1, let l2):
            .ftrl(alpha: rate, beta: beta, l1: l1, l2: l2)
        }
    }
}
