import Foundation
import Synchronization
import Testing

@testable import CTRLab

/// Values of the operators by hand, gradients by differences.
@Suite struct VariableTests {
    private func matrix(_ rows: Int, _ columns: Int, _ seed: UInt64) -> Matrix {
        GradientCheck.matrix(rows, columns, seed: seed)
    }

    @Test func products() {
        let a = Variable(Matrix(2, 3, [1, 2, 3, 4, 5, 6]))
        let b = Variable(Matrix(3, 1, [1, 0, -1]))
        #expect(a.times(b).value == Matrix(2, 1, [-2, -2]))
        GradientCheck.check([matrix(3, 4, 1), matrix(4, 2, 2)]) { $0[0].times($0[1]) }
        let bias = Variable(Matrix(1, 1, [10]))
        #expect(a.affine(b, bias).value == Matrix(2, 1, [8, 8]))
        GradientCheck.check([matrix(3, 4, 1), matrix(4, 2, 2), matrix(1, 2, 3)]) {
            $0[0].affine($0[1], $0[2])
        }
        #expect(a.affine(b, Variable(Matrix(1, 1, [2]))).relu().value == Matrix(2, 1, [0, 0]))
        #expect(a.affine(b, bias, rectified: true).value == Matrix(2, 1, [8, 8]))
        #expect(
            a.affine(b, Variable(Matrix(1, 1, [-9])), rectified: true).value
                == Matrix(2, 1, [0, 0]))
        // Away from the corner at 0, and on both sides of it.
        let halves = Matrix(1, 2, [4, -4])
        GradientCheck.check([matrix(3, 4, 1), matrix(4, 2, 2), halves]) {
            $0[0].affine($0[1], $0[2], rectified: true)
        }
        #expect(Matrix.product(Matrix(zeros: 2, 0), Matrix(zeros: 0, 3)) == Matrix(zeros: 2, 3))
        // A variable that is used twice has both gradients.
        GradientCheck.check([matrix(3, 3, 3)]) { $0[0].times($0[0]) }
    }

    @Test func sumsAndElementwiseProducts() {
        GradientCheck.check([matrix(2, 3, 1), matrix(2, 3, 2)]) { $0[0] + $0[1] }
        GradientCheck.check([matrix(2, 3, 1)]) { $0[0] + $0[0] }
        GradientCheck.check([matrix(2, 3, 1), matrix(2, 3, 2)]) { $0[0] * $0[1] }
        GradientCheck.check([matrix(2, 3, 1)]) { $0[0] * $0[0] }
        GradientCheck.check([matrix(4, 3, 1), matrix(1, 3, 2)]) { $0[0].plusRow($0[1]) }
        GradientCheck.check([matrix(4, 3, 1), matrix(4, 1, 2)]) { $0[0].scaledRows(by: $0[1]) }
        GradientCheck.check([matrix(4, 3, 1), matrix(1, 3, 2), matrix(1, 3, 3)]) {
            $0[0].scaledColumns(by: $0[1], plus: $0[2])
        }
        GradientCheck.check([matrix(2, 3, 1)]) { $0[0].scaled(by: -2.5) }
        GradientCheck.check([matrix(4, 11, 1)]) { $0[0].rowSums() }
        let row = Variable(Matrix(2, 2, [1, 2, 3, 4])).rowSums()
        #expect(row.value == Matrix(2, 1, [3, 7]))
    }

    @Test func shapes() {
        let a = Variable(Matrix(2, 2, [1, 2, 3, 4]))
        let b = Variable(Matrix(2, 1, [5, 6]))
        let joined: Variable = .joined([a, b])
        #expect(joined.value == Matrix(2, 3, [1, 2, 5, 3, 4, 6]))
        #expect(joined.columns(1..<3).value == Matrix(2, 2, [2, 5, 4, 6]))
        #expect(joined.reshaped(columns: 2).value == Matrix(3, 2, [1, 2, 5, 3, 4, 6]))
        GradientCheck.check([matrix(3, 2, 1), matrix(3, 4, 2)]) { .joined([$0[0], $0[1], $0[0]]) }
        GradientCheck.check([matrix(3, 5, 1)]) { $0[0].columns(1..<3) * $0[0].columns(2..<4) }
        GradientCheck.check([matrix(3, 4, 1)]) { $0[0].reshaped(columns: 6).columns(1..<4) }
    }

    @Test func activations() {
        // Away from the corner at 0.
        var x = matrix(3, 4, 1)
        for index in x.values.indices where abs(x.values[index]) < 0.05 { x.values[index] = 0.5 }
        GradientCheck.check([x]) { $0[0].relu() }
        GradientCheck.check([x]) { $0[0].leakyReLU(slope: 0.1) }
        GradientCheck.check([x]) { $0[0].sigmoid() }
        GradientCheck.check([x]) { $0[0].softmax() }
        let extremes = Variable(Matrix(1, 4, [-200, -1, 1, 200])).sigmoid().value.values
        #expect(extremes[0] == 0 && extremes[3] == 1 && abs(extremes[1] - 0.26894) < 1e-5)
        let soft = Variable(Matrix(1, 2, [1000, 1000])).softmax().value
        #expect(soft == Matrix(1, 2, [0.5, 0.5]))
    }

    @Test func dropoutKeepsTheMeanAndMasksTheGradient() {
        let x = Variable(
            Matrix(100, 101, [Float](repeating: 1, count: 10_100)), needsGradient: true)
        var random = SplitMix64(seed: 5)
        let dropped = x.dropout(rate: 0.3, using: &random)
        let zeros = dropped.value.values.count { $0 == 0 }
        // Five deviations.
        #expect(abs(Double(zeros) - 3030) < 230)
        #expect(dropped.value.values.allSatisfy { $0 == 0 || abs($0 - 1 / 0.7) < 1e-6 })
        dropped.differentiate()
        #expect(x.gradient == dropped.value)
    }

    @Test func crossEntropyOfLogits() {
        let labels = Matrix(2, 2, [1, 0, 1, 0])
        let loss = Variable(Matrix(2, 2, [0, 0, 0, 0])).crossEntropy(labels)
        #expect(abs(loss.value.values[0] - Float(log(2.0))) < 1e-6)
        let far = Variable(Matrix(1, 1, [200])).crossEntropy(Matrix(1, 1, [0]))
        #expect(far.value.values[0] == 200)
        GradientCheck.check([matrix(2, 2, 4)]) { $0[0].crossEntropy(labels) }
    }

    @Test func batchNorm() {
        let x = Matrix(4, 2, [1, 10, 2, 10, 3, 10, 4, 14])
        let (result, mean, variance) = Variable(x).normalizedColumns(epsilon: 0)
        #expect(mean == Matrix(1, 2, [2.5, 11]))
        #expect(variance == Matrix(1, 2, [1.25, 3]))
        #expect(abs(result.value[0, 0] + 1.5 / Float(1.25).squareRoot()) < 1e-6)
        GradientCheck.check([matrix(5, 3, 7)]) { $0[0].normalizedColumns(epsilon: 1e-5).result }
    }

    @Test func biInteractionIsTheSumOfAllPairs() {
        let (fields, dimension) = (4, 3)
        let x = matrix(2, fields * dimension, 1)
        let result = Variable(x).biInteraction(fields: fields).value
        for row in 0..<2 {
            for index in 0..<dimension {
                var sum: Float = 0
                for left in 0..<fields {
                    for right in left + 1..<max(fields, left + 1) {
                        sum += x[row, left * dimension + index] * x[row, right * dimension + index]
                    }
                }
                #expect(abs(result[row, index] - sum) < 1e-4)
            }
        }
        GradientCheck.check([x]) { $0[0].biInteraction(fields: fields) }
    }

    @Test func biInteractionOfBagsIsThatOfTheirFields() {
        let rows = matrix(3, 4, 1)
        let plain = FieldBags(examples: 2, fields: 2, rows: [0, 2, 2, 2], weights: [1, 2, -1, 1])
        let several = FieldBags(
            examples: 1, fields: 3, rows: [0, 1, 2], offsets: [0, 2, 2, 3], weights: [2, 0.5, -1])
        for bags in [plain, several] {
            let fields = Variable(rows).gathered(bags, columns: 0..<3)
            let expected = fields.biInteraction(fields: bags.fields).value
            let result = Variable(rows).biInteraction(bags, columns: 0..<3).value
            #expect(result.rows == expected.rows && result.columns == expected.columns)
            #expect(zip(result.values, expected.values).allSatisfy { abs($0 - $1) < 1e-5 })
            GradientCheck.check([rows]) { $0[0].biInteraction(bags, columns: 0..<3) }
        }
    }

    @Test func innerProductsOfAllPairs() {
        // (1,2), (3,4), (5,6): 1·3+2·4, 1·5+2·6, 3·5+4·6
        let x = Variable(Matrix(1, 6, [1, 2, 3, 4, 5, 6]))
        #expect(x.innerProducts(fields: 3).value == Matrix(1, 3, [11, 17, 39]))
        GradientCheck.check([matrix(2, 36, 1)]) { $0[0].innerProducts(fields: 4) }
        #expect(x.innerProducts(fields: 1).columns == 0)
    }

    @Test func transposedFields() {
        let x = Variable(Matrix(1, 6, [1, 2, 3, 4, 5, 6]))
        #expect(x.transposedFields(fields: 2).value == Matrix(1, 6, [1, 4, 2, 5, 3, 6]))
        GradientCheck.check([matrix(2, 6, 1), matrix(2, 6, 2)]) {
            $0[0].transposedFields(fields: 3) * $0[1]
        }
    }

    @Test func weightedOuterProducts() {
        let a = Variable(Matrix(1, 2, [2, 3]))
        let b = Variable(Matrix(1, 2, [5, 7]))
        let weights = Variable(Matrix(4, 1, [1, 10, 100, 1000]))
        let value = a.weightedOuterProducts(with: b, weights: weights).value
        #expect(value == Matrix(1, 1, [10 + 140 + 1500 + 21_000]))
        GradientCheck.check([matrix(3, 2, 1), matrix(3, 9, 2), matrix(18, 4, 3)]) {
            $0[0].weightedOuterProducts(with: $0[1], weights: $0[2])
        }
        GradientCheck.check([matrix(3, 2, 1), matrix(4, 3, 2)]) {
            $0[0].weightedOuterProducts(with: $0[0], weights: $0[1])
        }
    }

    @Test func gatheredBags() {
        let rows = Matrix(3, 2, [1, 2, 3, 4, 5, 6])
        let plain = FieldBags(examples: 2, fields: 2, rows: [0, 2, 2, 2])
        #expect(
            Variable(rows).gathered(plain, columns: 0..<2).value
                == Matrix(2, 4, [1, 2, 5, 6, 5, 6, 5, 6]))
        #expect(
            Variable(rows).gathered(plain, columns: 1..<2).value == Matrix(2, 2, [2, 6, 6, 6]))
        let bags = FieldBags(
            examples: 1, fields: 3, rows: [0, 1, 2], offsets: [0, 2, 2, 3], weights: [2, 0.5, -1])
        #expect(
            Variable(rows).gathered(bags, columns: 0..<2).value
                == Matrix(1, 6, [3.5, 6, 0, 0, -5, -6]))
        GradientCheck.check([matrix(3, 3, 1)]) { $0[0].gathered(plain, columns: 1..<3) }
        GradientCheck.check([matrix(3, 3, 1)]) { $0[0].gathered(bags, columns: 0..<2) }
    }

    @Test func summedBags() {
        let rows = Matrix(3, 2, [1, 2, 3, 4, 5, 6])
        let plain = FieldBags(examples: 2, fields: 2, rows: [0, 2, 2, 2])
        #expect(
            Variable(rows).summed(plain, columns: 0..<2).value == Matrix(2, 2, [6, 8, 10, 12]))
        let bags = FieldBags(
            examples: 2, fields: 2, rows: [0, 1, 2], offsets: [0, 2, 3, 3, 3],
            weights: [2, 0.5, -1])
        #expect(Variable(rows).summed(bags, columns: 1..<2).value == Matrix(2, 1, [0, 0]))
        #expect(Variable(rows).summed(bags, columns: 0..<1).value == Matrix(2, 1, [-1.5, 0]))
        GradientCheck.check([matrix(3, 3, 1)]) { $0[0].summed(plain, columns: 1..<3) }
        GradientCheck.check([matrix(3, 3, 1)]) { $0[0].summed(bags, columns: 0..<2) }
    }

    /// Large enough to be divided among cores, in lengths that do not come out even.
    @Test func partsMakeTheWhole() {
        for (count, least) in [(0, 3), (1, 3), (7, 8), (8, 8), (100, 7), (4096, 164)] {
            let done = Mutex<[Range<Int>]>([])
            Parallel.forEachPart(of: count, least: least) { part in
                done.withLock { $0.append(part) }
            }
            let parts = done.withLock { $0 }.sorted { $0.lowerBound < $1.lowerBound }
            #expect(parts.flatMap { $0 } == Array(0..<count))
            #expect(parts.dropLast().allSatisfy { $0.count >= least })
        }
        let (a, b) = (matrix(1501, 300, 1), matrix(300, 401, 2))
        func expectEqual(_ got: Matrix, _ expected: (Int, Int) -> Double) {
            for (row, column) in [(0, 0), (got.rows / 2, 7), (got.rows - 1, got.columns - 1)] {
                #expect(abs(Double(got[row, column]) - expected(row, column)) < 1e-2)
            }
        }
        expectEqual(Matrix.product(a, b)) { row, column in
            (0..<300).reduce(0) { $0 + Double(a[row, $1]) * Double(b[$1, column]) }
        }
        let c = matrix(1501, 401, 3)
        expectEqual(Matrix.product(a, leftTransposed: true, c)) { row, column in
            (0..<1501).reduce(0) { $0 + Double(a[$1, row]) * Double(c[$1, column]) }
        }
        expectEqual(c.columnSums()) { _, column in
            (0..<1501).reduce(0) { $0 + Double(c[$1, column]) }
        }
        #expect(c.scaled(by: 2).values == c.values.map { 2 * $0 })
    }

    @Test func whatNeedsNoGradientGetsNone() {
        let a = Variable(matrix(2, 2, 1), needsGradient: true)
        let b = Variable(matrix(2, 2, 2))
        a.times(b).relu().differentiate()
        #expect(a.gradient != nil && b.gradient == nil)
    }
}
