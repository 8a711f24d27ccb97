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
