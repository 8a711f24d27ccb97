import CKernels

/// What the parameters of a network start as: a function of the table's seed and a parameter's
/// place, so that it is the same on every machine.
///
/// Hidden weights are uniform with the variance 2 / inputs (He et al., 2015). The last layer is
/// scaled so that the rows of a new table have about the mean and the deviation that the table's
/// initializer would give them.
struct DeepHashStart: Sendable, Hashable {
    let shape: DeepHashShape
    let initializer: Initializer
    let seed: UInt64

    init(shape: DeepHashShape, initializer: Initializer, seed: UInt64) {
        self.shape = shape
        self.initializer = initializer
        self.seed = seed
    }

    /// Nil for a table without a network.
    init?(_ schema: TableSchema) {
        guard case .deepHash(let hashes, let hidden) = schema.scheme else { return nil }
        self.init(
            shape: DeepHashShape(hashes: hashes, hidden: hidden, dimension: schema.dimension),
            initializer: schema.initializer, seed: schema.seed)
    }

    /// E[mish(x)²] of a standard normal x: what the last layer's inputs are on average, squared.
    private static let meanSquareOfActivation: Float = 0.4523

    /// Writes a parameter row.
    func fill(_ row: UnsafeMutablePointer<Float>, key: UInt64) {
        let count = DeepHashShape.rowLength
        unsafe tc_initialize_uniform(row, count, seed, key, -1, 1)
        // Only keys below `rowCount` are ever asked for; another has no parameters.
        let start = key < UInt64(shape.rowCount) ? Int(key) * count : shape.paddedCount
        for section in sections {
            let part = section.range.clamped(to: start..<start + count)
            for index in part {
                switch section.start {
                case .uniform(let bound): unsafe row[index - start] *= bound
                case .constant(let value): unsafe row[index - start] = value
                }
            }
        }
    }

    /// All parameters, as their rows hold them.
    func parameters() -> [Float] {
        var result = [Float](repeating: 0, count: shape.paddedCount)
        unsafe result.withUnsafeMutableBufferPointer { result in
            for key in 0..<shape.rowCount {
                // A network has parameters, so there is an address.
                unsafe fill(
                    result.baseAddress! + key * DeepHashShape.rowLength, key: UInt64(key))
            }
        }
        return result
    }

    private enum Start {
        /// Uniform in ±bound.
        case uniform(Float)
        case constant(Float)
    }

    private var sections: [(range: Range<Int>, start: Start)] {
        var result: [(range: Range<Int>, start: Start)] = []
        for number in 0..<DeepHashShape.hiddenLayers {
            let layer = shape.hiddenLayer(number)
            result.append((layer.weights, .uniform((6 / Float(layer.inputs)).squareRoot())))
            result.append((layer.gain, .constant(1)))
            result.append((layer.shift, .constant(0)))
        }
        let output = shape.outputLayer
        let variance = 3 / (Float(shape.hidden) * Self.meanSquareOfActivation)
        result.append((output.weights, .uniform(initializer.deviation * variance.squareRoot())))
        result.append((output.bias, .constant(initializer.mean)))
        result.append((output.bias.upperBound..<shape.paddedCount, .constant(0)))
        return result
    }
}
