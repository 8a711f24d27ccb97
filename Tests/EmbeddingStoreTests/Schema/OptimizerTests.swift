import Testing

@testable import EmbeddingStore

@Suite struct OptimizerTests {
    /// Settings that are fine as doubles and no numbers, or 0, as the floats that the kernels take.
    @Test(arguments: [
        Optimizer.sgd(learningRate: 1e300),
        .sgd(learningRate: -1),
        .momentum(learningRate: 0.1, momentum: .infinity),
        .adagrad(learningRate: 0.1, initialAccumulator: 0, epsilon: 0),
        .rowwiseAdagrad(learningRate: 0.1, initialAccumulator: 0, epsilon: 1e-300),
        .adam(learningRate: 0.1, beta1: 0.9, beta2: 1, epsilon: 1e-8),
        .adam(learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-300),
        .ftrl(alpha: 1e-300, beta: 1, l1: 0, l2: 0),
        .ftrl(alpha: .nan, beta: 1, l1: 0, l2: 0),
    ])
    func settingsThatMakeNoNumbersAreRefused(optimizer: Optimizer) {
        #expect(optimizer.problem != nil)
    }

    @Test func anInitialAccumulatorStandsInForEpsilon() {
        let optimizer = Optimizer.adagrad(learningRate: 0.1, initialAccumulator: 0.1, epsilon: 0)
        #expect(optimizer.problem == nil)
    }
}
