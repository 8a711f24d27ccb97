import Testing

@testable import CTRLab

/// Two steps with the gradients 1 and −0.5, by hand.
@Suite struct DenseOptimizerTests {
    private func values(_ optimizer: DenseOptimizer) -> [Float] {
        let parameter = Parameter(name: "x", value: Matrix(1, 1, [2]))
        let gradients: [Float] = [1, -0.5]
        return gradients.enumerated().map { index, gradient in
            optimizer.move([(parameter, Matrix(1, 1, [gradient]))], step: index + 1)
            return parameter.value.values[0]
        }
    }

    @Test func adam() {
        let values = values(.adam(learningRate: 0.1))
        #expect(abs(values[0] - 1.9) < 1e-6)
        // m̂ = (0.09 − 0.05) / 0.19, v̂ = (0.000999 + 0.00025) / 0.001999
        let step: Float = 0.1 * (0.04 / 0.19) / (Float(0.001249) / 0.001999).squareRoot()
        #expect(abs(values[1] - (1.9 - step)) < 1e-5)
    }

    @Test func adagrad() {
        let values = values(.adagrad(learningRate: 0.1))
        #expect(abs(values[0] - 1.9) < 1e-6)
        #expect(abs(values[1] - (1.9 + 0.05 / Float(1.25).squareRoot())) < 1e-6)
    }
}
