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
