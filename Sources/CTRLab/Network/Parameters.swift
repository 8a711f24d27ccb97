/// The dense part of a model: its matrices, and the statistics that go with them.
///
/// How they start depends on the seed and on the order in which they are made.
final class Parameters {
    private(set) var all: [Parameter] = []
    /// What is not trained but belongs to the network: running means and variances.
    private(set) var statistics: [Parameter] = []
    private var random: SplitMix64

    init(seed: UInt64) { random = SplitMix64(seed: SplitMix64.mix(seed ^ 0x6465_6E73_65)) }

    /// Normal numbers with deviation `√(2 / (inputs + outputs))` (Glorot and Bengio, AISTATS 2010).
    func weights(_ name: String, inputs: Int, outputs: Int) -> Parameter {
        let deviation = (2 / Double(inputs + outputs)).squareRoot()
        let values = (0..<inputs * outputs).map { _ in Float(deviation * random.normal()) }
        return add(Parameter(name: name, value: Matrix(inputs, outputs, values)))
    }

    func constant(_ name: String, _ value: Float, columns: Int) -> Parameter {
        let values = [Float](repeating: value, count: columns)
        return add(Parameter(name: name, value: Matrix(1, columns, values)))
    }

    func statistic(_ name: String, _ value: Float, columns: Int) -> Parameter {
        let values = [Float](repeating: value, count: columns)
        let statistic = Parameter(name: name, value: Matrix(1, columns, values))
        statistics.append(statistic)
        return statistic
    }

    private func add(_ parameter: Parameter) -> Parameter {
        all.append(parameter)
        return parameter
    }

    /// Bytes of matrices and statistics, as float32.
    var byteCount: Int { (all + statistics).reduce(0) { $0 + 4 * $1.value.values.count } }
}
