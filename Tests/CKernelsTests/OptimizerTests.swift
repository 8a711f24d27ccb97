import CKernels
import Testing

/// Each step against the formula in Double over 100 steps: the float kernels may drift from it by a
/// few roundings a step, no more.
struct OptimizerTests {
    private let steps = 100
    private let count = 19
    private let tolerance = 1e-6

    /// The gradients of all steps, and a row whose elements stay away from 0, so that relative
    /// errors mean something.
    private func history(seed: UInt64) -> (row: [Float], gradients: [[Float]]) {
        var generator = SeededGenerator(seed: seed)
        let row = generator.row(count, in: 5...10)
        return (row, (0..<steps).map { _ in generator.row(count) })
    }

    private func expectClose(_ row: [Float], _ reference: [Double]) {
        for (value, exact) in zip(row, reference) {
            #expect(abs(Double(value) - exact) <= tolerance * abs(exact))
        }
    }

    @Test func sgd() {
        var (row, gradients) = history(seed: 1)
        var reference = row.map(Double.init)
        for gradient in gradients {
            tc_sgd_step(&row, gradient, count, 0.01)
            for i in 0..<count { reference[i] -= Double(Float(0.01)) * Double(gradient[i]) }
        }
        expectClose(row, reference)
    }

    @Test func momentum() {
        var (row, gradients) = history(seed: 2)
        var buffer = [Float](repeating: 0, count: count)
        var reference = row.map(Double.init)
        var velocity = [Double](repeating: 0, count: count)
        for gradient in gradients {
            tc_momentum_step(&row, &buffer, gradient, count, 0.01, 0.9)
            for i in 0..<count {
                velocity[i] = Double(Float(0.9)) * velocity[i] + Double(gradient[i])
                reference[i] -= Double(Float(0.01)) * velocity[i]
            }
        }
        expectClose(row, reference)
    }

    @Test func adagrad() {
        var (row, gradients) = history(seed: 3)
        var accumulator = [Float](repeating: 0.1, count: count)
        var reference = row.map(Double.init)
        var sum = accumulator.map(Double.init)
        for gradient in gradients {
            tc_adagrad_step(&row, &accumulator, gradient, count, 0.05, 1e-10)
            for i in 0..<count {
                let g = Double(gradient[i])
                sum[i] += g * g
                reference[i] -= Double(Float(0.05)) * g / (sum[i].squareRoot() + 1e-10)
            }
        }
        expectClose(row, reference)
        expectClose(accumulator, sum)
    }

    @Test(arguments: [1, 2, 15, 16, 17, 33, 64])
    func rowwiseAdagrad(count: Int) {
        var generator = SeededGenerator(seed: 4)
        var row = generator.row(count, in: 5...10)
        var accumulator: Float = 0.1
        var reference = row.map(Double.init)
        var sum = Double(accumulator)
        for _ in 0..<steps {
            let gradient = generator.row(count)
            tc_rowwise_adagrad_step(&row, &accumulator, gradient, count, 0.05, 1e-10)
            sum += gradient.reduce(0) { $0 + Double($1) * Double($1) } / Double(count)
            for i in 0..<count {
                reference[i] -=
                    Double(Float(0.05)) / (sum.squareRoot() + 1e-10) * Double(gradient[i])
            }
        }
        expectClose(row, reference)
        expectClose([accumulator], [sum])
    }

    @Test func rowwiseAdagradOnAnEmptyRowLeavesItsStateAlone() {
        var row: [Float] = []
        var accumulator: Float = 0.25
        tc_rowwise_adagrad_step(&row, &accumulator, [], 0, 0.05, 1e-10)
        #expect(accumulator == 0.25)
    }

    /// The order of the sum: lane i takes the elements i, i + 16, …; then halves are added onto
    /// halves.
    @Test func theSumOverARowRunsInSixteenLanes() {
        var generator = SeededGenerator(seed: 5)
        let gradient = generator.row(45)
        var lanes = [Float](repeating: 0, count: 16)
        for (index, slope) in gradient.enumerated() { lanes[index % 16] += slope * slope }
        for width in [8, 4, 2, 1] {
            for lane in 0..<width { lanes[lane] += lanes[lane + width] }
        }
        var row = [Float](repeating: 0, count: 45)
        var accumulator: Float = 0
        tc_rowwise_adagrad_step(&row, &accumulator, gradient, 45, 0.05, 1e-10)
        #expect(accumulator == lanes[0] / 45)
    }

    @Test func adam() {
        var (row, gradients) = history(seed: 6)
        var first = [Float](repeating: 0, count: count)
        var second = first
        var reference = row.map(Double.init)
        var exactFirst = [Double](repeating: 0, count: count)
        var exactSecond = exactFirst
        let (beta1, beta2) = (0.9, 0.999)
        var (power1, power2) = (1.0, 1.0)
        for gradient in gradients {
            power1 *= beta1
            power2 *= beta2
            let stepSize = 0.01 * (1 - power2).squareRoot() / (1 - power1)
            tc_adam_step(&row, &first, &second, gradient, count, Float(stepSize), 0.1, 0.001, 1e-8)
            for i in 0..<count {
                let g = Double(gradient[i])
                exactFirst[i] += (1 - beta1) * (g - exactFirst[i])
                exactSecond[i] += (1 - beta2) * (g * g - exactSecond[i])
                reference[i] -= stepSize * exactFirst[i] / (exactSecond[i].squareRoot() + 1e-8)
            }
        }
        expectClose(row, reference)
        expectClose(second, exactSecond)
    }

    /// Small numbers that come out exactly, with an epsilon large enough to show where it is added.
    @Test func epsilonIsAddedToTheRoot() {
        var row: [Float] = [1, 1]
        var accumulator: [Float] = [16, 16]
        tc_adagrad_step(&row, &accumulator, [3, -3], 2, 0.5, 1)
        #expect(row == [0.75, 1.25])
        #expect(accumulator == [25, 25])

        row = [1, 1]
        var shared: Float = 16
        tc_rowwise_adagrad_step(&row, &shared, [3, -3], 2, 0.75, 1)
        #expect(row == [0.625, 1.375])
        #expect(shared == 25)

        row = [1, 1]
        var first: [Float] = [0, 0]
        var second: [Float] = [0, 0]
        tc_adam_step(&row, &first, &second, [4, -4], 2, 0.5, 0.5, 0.25, 2)
        #expect(row == [0.75, 1.25])
        #expect(first == [2, -2])
        #expect(second == [4, 4])
    }

    @Test func ftrl() {
        let (_, gradients) = history(seed: 7)
        let (alpha, beta, l1, l2) = (0.25, 1.0, 0.5, 0.125)
        var row = [Float](repeating: 0, count: count)
        var z = row
        var n = row
        var reference = [Double](repeating: 0, count: count)
        var exactZ = reference
        var exactN = reference
        for gradient in gradients {
            tc_ftrl_step(
                &row, &z, &n, gradient, count, Float(alpha), Float(beta), Float(l1), Float(l2))
            for i in 0..<count {
                let g = Double(gradient[i])
                let sigma = ((exactN[i] + g * g).squareRoot() - exactN[i].squareRoot()) / alpha
                exactZ[i] += g - sigma * reference[i]
                exactN[i] += g * g
                let sign: Double = exactZ[i] > 0 ? 1 : -1
                reference[i] =
                    abs(exactZ[i]) <= l1
                    ? 0 : (sign * l1 - exactZ[i]) / ((beta + exactN[i].squareRoot()) / alpha + l2)
            }
        }
        // z is a sum of terms of both signs, so its error is relative to their size, which is about
        // 1.
        for i in 0..<count {
            #expect(abs(Double(z[i]) - exactZ[i]) <= 2e-5)
            #expect(abs(Double(row[i]) - reference[i]) <= 2e-6)
        }
        expectClose(n, exactN)
    }

    @Test func ftrlKeepsAWeightAtZeroUntilItsSumIsBeyondL1() {
        var row: [Float] = [0, 0, 0, 0]
        var z: [Float] = [0, 0, 0, 0]
        var n: [Float] = [0, 0, 0, 0]
        tc_ftrl_step(&row, &z, &n, [1, -1, 1.5, -1.5], 4, 0.5, 1, 1, 0)
        // z = g, n = g * g; (sign(z) * l1 - z) / ((1 + |g|) / 0.5)
        #expect(row == [0, 0, -0.1, 0.1])
        #expect(z == [1, -1, 1.5, -1.5])
        #expect(n == [1, 1, 2.25, 2.25])
    }
}
