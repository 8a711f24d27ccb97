import Foundation

@testable import EmbeddingStore

/// The network once more, in doubles and plain loops, one id at a time.
struct DeepHashReference {
    let shape: DeepHashShape
    let encoding: DeepHashEncoding

    func row(_ id: UInt64, _ parameters: [Double]) -> [Double] {
        var encoded = [Float](repeating: 0, count: shape.hashes)
        encoded.withUnsafeMutableBufferPointer {
            unsafe encoding.encode(id, into: $0.baseAddress!)
        }
        var values = encoded.map(Double.init)
        for number in 0..<DeepHashShape.hiddenLayers {
            let layer = shape.hiddenLayer(number)
            let products = product(parameters[layer.weights], values, outputs: shape.hidden)
            let mean = products.reduce(0, +) / Double(shape.hidden)
            let variance =
                products.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(shape.hidden)
            values = products.indices.map { index in
                let normalized =
                    (products[index] - mean)
                    / (variance + Double(NormalizedMish.epsilon)).squareRoot()
                let moved =
                    normalized * parameters[layer.gain.lowerBound + index]
                    + parameters[layer.shift.lowerBound + index]
                return moved * tanh(log1p(exp(moved)))
            }
        }
        let output = shape.outputLayer
        let products = product(parameters[output.weights], values, outputs: shape.dimension)
        return zip(products, parameters[output.bias]).map(+)
    }

    private func product(
        _ weights: ArraySlice<Double>, _ values: [Double], outputs: Int
    ) -> [Double] {
        (0..<outputs).map { output in
            values.indices.reduce(0) {
                $0 + weights[weights.startIndex + output * values.count + $1] * values[$1]
            }
        }
    }
}
