/// The sizes of a network that makes rows of hashes, and where its parameters lie.
///
/// The parameters are one vector: for each hidden layer its weights `[hidden][inputs]`, gain and
/// shift `[hidden]`, then for the last layer weights `[dimension][hidden]` and bias `[dimension]`.
/// The row store keeps that vector cut into rows of ``rowLength``, under the keys 0, 1, …; the last
/// row is filled up with zeros.
struct DeepHashShape: Sendable, Hashable {
    let hashes: Int
    let hidden: Int
    let dimension: Int

    static let hiddenLayers = 5
    /// Floats in a parameter row.
    static let rowLength = 256

    /// The parameters of a hidden layer: `activation(norm(weights · x) * gain + shift)`.
    struct HiddenLayer {
        let inputs: Int
        let weights: Range<Int>
        let gain: Range<Int>
        let shift: Range<Int>
    }

    /// The parameters of the last layer: `weights · x + bias`.
    struct OutputLayer {
        let weights: Range<Int>
        let bias: Range<Int>
    }

    func hiddenLayer(_ number: Int) -> HiddenLayer {
        let inputs = number == 0 ? hashes : hidden
        let start = number == 0 ? 0 : (hashes + 2) * hidden + (number - 1) * (hidden + 2) * hidden
        let gain = start + inputs * hidden
        return HiddenLayer(
            inputs: inputs, weights: start..<gain, gain: gain..<gain + hidden,
            shift: gain + hidden..<gain + 2 * hidden)
    }

    var outputLayer: OutputLayer {
        let start = hiddenLayer(Self.hiddenLayers - 1).shift.upperBound
        let bias = start + hidden * dimension
        return OutputLayer(weights: start..<bias, bias: bias..<bias + dimension)
    }

    var parameterCount: Int { outputLayer.bias.upperBound }

    /// Rows that the parameters take.
    var rowCount: Int { (parameterCount + Self.rowLength - 1) / Self.rowLength }

    /// Floats in those rows.
    var paddedCount: Int { rowCount * Self.rowLength }
}
