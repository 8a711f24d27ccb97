/// The embedding of a number as a soft choice among H meta-embeddings of its field (Guo et al.,
/// KDD 2021, equations 4 to 8):
///
///     h = leakyReLU(x·w),  x̃ = h·W + α·h,  x̂ = softmax(x̃ / τ),  e = x̂·ME
struct AutoDis {
    private let first: Parameter
    private let second: Parameter
    private let metaEmbeddings: Parameter
    private let temperature: Float

    /// α, the share of the first layer that skips the second.
    private static let skip: Float = 0.1
    private static let slope: Float = 0.01

    init(
        _ parameters: Parameters, _ name: String, metaEmbeddings count: Int, temperature: Float,
        dimension: Int
    ) {
        first = parameters.weights("\(name).first", inputs: 1, outputs: count)
        second = parameters.weights("\(name).second", inputs: count, outputs: count)
        metaEmbeddings = parameters.weights("\(name).meta", inputs: count, outputs: dimension)
        self.temperature = temperature
    }

    func callAsFunction(_ x: Variable, _ pass: Pass) -> Variable {
        let h = x.times(pass(first)).leakyReLU(slope: Self.slope)
        let scores = h.times(pass(second)) + h.scaled(by: Self.skip)
        return scores.scaled(by: 1 / temperature).softmax().times(pass(metaEmbeddings))
    }
}
