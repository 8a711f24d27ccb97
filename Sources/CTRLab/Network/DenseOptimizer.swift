internal import CKernels
internal import Foundation

/// The rule by which the dense part of a model moves; as `torch.optim` has it.
public enum DenseOptimizer: Sendable, Hashable, Codable {
    /// Kingma and Ba, ICLR 2015.
    case adam(learningRate: Float = 0.001)
    /// Duchi et al., JMLR 12, 2011.
    case adagrad(learningRate: Float = 0.01)

    private static let beta1: Float = 0.9
    private static let beta2: Float = 0.999

    /// Moves the parameters.
    ///
    /// - Parameters:
    ///   - step: how many steps have been taken, with this one.
    ///   - factor: of the learning rate.
    func move(
        _ gradients: [(parameter: Parameter, gradient: Matrix)], step: Int, factor: Float = 1
    ) {
        for (parameter, gradient) in gradients {
            switch self {
            case .adam(let rate): Self.adam(parameter, gradient, rate: rate * factor, step: step)
            case .adagrad(let rate): Self.adagrad(parameter, gradient, rate: rate * factor)
            }
        }
    }

    /// `m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², x ← x − rate · m̂ / (√v̂ + ε)`
    private static func adam(_ parameter: Parameter, _ gradient: Matrix, rate: Float, step: Int) {
        // Taken out, so that each has one owner while it changes.
        let zeros = Matrix(zeros: gradient.rows, gradient.columns)
        let before = parameter.optimizerState
        var (m, v) = before.isEmpty ? (zeros, zeros) : (before[0], before[1])
        parameter.optimizerState = []
        // rate · m̂ / (√v̂ + ε) with both sides of the fraction multiplied by `correction`.
        let correction = (1 - pow(Double(beta2), Double(step))).squareRoot()
        let size = Double(rate) * correction / (1 - pow(Double(beta1), Double(step)))
        m.write { m in
            v.write { v in
                parameter.value.write { x in
                    gradient.read { g in
                        Parallel.forEachPart(of: gradient.values.count, least: Matrix.partValues) {
                            let start = $0.lowerBound
                            tc_adam_step(
                                x + start, m + start, v + start, g + start, $0.count, Float(size),
                                1 - beta1, 1 - beta2, Float(1e-8 * correction))
                        }
                    }
                }
            }
        }
        parameter.optimizerState = [m, v]
    }

    /// `s ← s + g², x ← x − rate · g / (√s + ε)`
    private static func adagrad(_ parameter: Parameter, _ gradient: Matrix, rate: Float) {
        var s = parameter.optimizerState.first ?? Matrix(zeros: gradient.rows, gradient.columns)
        parameter.optimizerState = []
        s.write { s in
            parameter.value.write { x in
                gradient.read { g in
                    Parallel.forEachPart(of: gradient.values.count, least: Matrix.partValues) {
                        let start = $0.lowerBound
                        tc_adagrad_step(x + start, s + start, g + start, $0.count, rate, 1e-10)
                    }
                }
            }
        }
        parameter.optimizerState = [s]
    }
}
