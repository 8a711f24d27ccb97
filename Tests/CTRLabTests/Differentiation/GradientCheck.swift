import Testing

@testable import CTRLab

/// Compares gradients with differences of values.
enum GradientCheck {
    /// A matrix of normal numbers.
    static func matrix(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix {
        var random = SplitMix64(seed: seed)
        return Matrix(rows, columns, (0..<rows * columns).map { _ in Float(random.normal()) })
    }

    /// Differentiates a random weighted sum of the result of `operation` with respect to every
    /// value of every input, and compares with `(f(x + h) − f(x − h)) / 2h`.
    static func check(
        _ inputs: [Matrix], step: Float = 1e-2, tolerance: Double = 1e-2,
        sourceLocation: SourceLocation = #_sourceLocation, _ operation: ([Variable]) -> Variable
    ) {
        let variables = inputs.map { Variable($0, needsGradient: true) }
        let result = operation(variables)
        let weights = matrix(result.rows, result.columns, seed: 99)
        result.differentiate(seed: weights)
        func value(_ inputs: [Matrix]) -> Double {
            let result = operation(inputs.map { Variable($0) }).value
            return zip(result.values, weights.values).reduce(0) {
                $0 + Double($1.0) * Double($1.1)
            }
        }
        for (place, input) in inputs.enumerated() {
            let gradient = variables[place].gradient
            for index in input.values.indices {
                var (above, below) = (inputs, inputs)
                above[place].values[index] += step
                below[place].values[index] -= step
                let difference = (value(above) - value(below)) / (2 * Double(step))
                let got = Double(gradient?.values[index] ?? 0)
                #expect(
                    abs(got - difference) <= tolerance * max(1, abs(difference)),
                    "input \(place), value \(index): \(got), by differences \(difference)",
                    sourceLocation: sourceLocation)
            }
        }
    }
}
