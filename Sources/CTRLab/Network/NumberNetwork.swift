/// How numbers that are not made ids get into a model.
public enum NumberNetwork: Sendable, Hashable, Codable {
    /// As they are: into the linear part, and beside the embeddings into the first layer.
    case none
    /// All of them through a network of these hidden layers, into one embedding (DLRM's bottom
    /// network: Naumov et al., arXiv 1906.00091, 2019).
    case dlrm(hidden: [Int])
    /// Each through a network of its own, into an embedding of its field (AutoDis: Guo et al., KDD
    /// 2021).
    case autoDis(metaEmbeddings: Int, temperature: Float)
}

/// Embeddings of numbers: examples × (fields · dimension).
enum NumberEmbedding {
    case dlrm(DLRMNumbers)
    case autoDis([AutoDis])

    /// Nil where numbers get no embedding, or where there are none.
    init?(_ network: NumberNetwork, _ parameters: Parameters, numbers: Int, dimension: Int) {
        guard numbers > 0, dimension > 0 else { return nil }
        switch network {
        case .none:
            return nil
        case .dlrm(let hidden):
            self = .dlrm(
                DLRMNumbers(parameters, inputs: numbers, hidden: hidden, dimension: dimension))
        case .autoDis(let metaEmbeddings, let temperature):
            self = .autoDis(
                (0..<numbers).map {
                    AutoDis(
                        parameters, "autodis.\($0)", metaEmbeddings: metaEmbeddings,
                        temperature: temperature, dimension: dimension)
                })
        }
    }

    func callAsFunction(_ numbers: Variable, _ pass: Pass) -> Variable {
        switch self {
        case .dlrm(let network):
            network(numbers, pass)
        case .autoDis(let fields):
            .joined(fields.indices.map { fields[$0](numbers.columns($0..<$0 + 1), pass) })
        }
    }
}

/// `relu(… relu(x·W₀ + b₀) …)`, the last layer having the dimension of an embedding.
struct DLRMNumbers {
    private let layers: [Dense]

    init(_ parameters: Parameters, inputs: Int, hidden: [Int], dimension: Int) {
        let widths = [inputs] + hidden + [dimension]
        layers = zip(widths, widths.dropFirst()).enumerated().map {
            Dense(parameters, "numbers.\($0)", inputs: $1.0, outputs: $1.1)
        }
    }

    func callAsFunction(_ x: Variable, _ pass: Pass) -> Variable {
        layers.reduce(x) { $1($0, pass).relu() }
    }
}

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
