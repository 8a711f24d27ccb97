/// What a push does with a gradient.
public enum Optimizer: Hashable, Sendable {
    case sgd(learningRate: Double)
    case momentum(learningRate: Double, momentum: Double)
    /// One accumulator for each value of a row.
    case adagrad(learningRate: Double, initialAccumulator: Double = 0, epsilon: Double = 1e-10)
    /// One accumulator for each row: the mean of the squared gradient.
    case rowwiseAdagrad(
        learningRate: Double, initialAccumulator: Double = 0, epsilon: Double = 1e-10)
    case adam(
        learningRate: Double, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8)
    /// FTRL-proximal, McMahan et al., KDD 2013.
    case ftrl(alpha: Double, beta: Double = 1, l1: Double = 0, l2: Double = 0)

    /// The optimizer's name in the protocol.
    public var name: String {
        switch self {
        case .sgd: "sgd"
        case .momentum: "momentum"
        case .adagrad: "adagrad"
        case .rowwiseAdagrad: "rowwiseAdagrad"
        case .adam: "adam"
        case .ftrl: "ftrl"
        }
    }

    /// Names and values of the parameters, in the protocol's order.
    public var parameters: [(name: String, value: Double)] {
        switch self {
        case .sgd(let learningRate):
            [("learningRate", learningRate)]
        case .momentum(let learningRate, let momentum):
            [("learningRate", learningRate), ("momentum", momentum)]
        case .adagrad(let learningRate, let initialAccumulator, let epsilon),
            .rowwiseAdagrad(let learningRate, let initialAccumulator, let epsilon):
            [
                ("learningRate", learningRate), ("initialAccumulator", initialAccumulator),
                ("epsilon", epsilon),
            ]
        case .adam(let learningRate, let beta1, let beta2, let epsilon):
            [
                ("learningRate", learningRate), ("beta1", beta1), ("beta2", beta2),
                ("epsilon", epsilon),
            ]
        case .ftrl(let alpha, let beta, let l1, let l2):
            [("alpha", alpha), ("beta", beta), ("l1", l1), ("l2", l2)]
        }
    }
}

extension Optimizer {
    /// Slots for parameters in a schema.
    static let parametersMax = 6

    var code: UInt8 {
        switch self {
        case .sgd: 0
        case .momentum: 1
        case .adagrad: 2
        case .rowwiseAdagrad: 3
        case .adam: 4
        case .ftrl: 5
        }
    }

    /// - Parameter slots: all ``parametersMax`` of them.
    /// - Returns: none when `code` is no optimizer.
    init?(code: UInt8, slots: [Double]) {
        switch code {
        case 0:
            self = .sgd(learningRate: slots[0])
        case 1:
            self = .momentum(learningRate: slots[0], momentum: slots[1])
        case 2:
            self = .adagrad(
                learningRate: slots[0], initialAccumulator: slots[1], epsilon: slots[2])
        case 3:
            self = .rowwiseAdagrad(
                learningRate: slots[0], initialAccumulator: slots[1], epsilon: slots[2])
        case 4:
            self = .adam(
                learningRate: slots[0], beta1: slots[1], beta2: slots[2], epsilon: slots[3])
        case 5:
            self = .ftrl(alpha: slots[0], beta: slots[1], l1: slots[2], l2: slots[3])
        default:
            return nil
        }
    }
}
