import Benchmark
import COpenBLAS
import EmbeddingStore

extension BenchmarkMetric {
    /// The rate in percent of the products of matrices alone that such a network needs.
    fileprivate static var shareOfProducts: BenchmarkMetric {
        .custom("Rate of matrix products (%)", polarity: .prefersLarger, useScalingFactor: false)
    }
}

/// Pull and push of rows that a network in the store makes, beside the products of matrices that the
/// passes through it consist of.
func networkSuite() {
    for hidden in [64, 256] {
        let suffix = "\(NetworkTable.hashes) hashes, \(hidden) hidden, \(batchRows) rows"
        Benchmark.add(
            "deep hash pull, \(suffix)", metrics: [.timePerRow, .shareOfProducts]
        ) {
            try NetworkTable(hidden: hidden)
        } takeDown: {
            try $0.fixture.remove()
        } measure: { benchmark, table in
            try table.measurePull(benchmark)
        }
        Benchmark.add(
            "deep hash push, \(suffix)", metrics: [.timePerRow, .shareOfProducts]
        ) {
            try NetworkTable(hidden: hidden)
        } takeDown: {
            try $0.fixture.remove()
        } measure: { benchmark, table in
            try table.measurePush(benchmark)
        }
    }
}

private final class NetworkTable {
    let fixture: TableFixture
    private let layers: LayerProducts
    private let buffer = RowBuffer()
    private let gradients = RowBuffer()
    private var requests = Requests(.uniform, rows: benchmarkRows, batchCount: 16)
    private let clock = ContinuousClock()

    static let hashes = 256

    init(hidden: Int) throws {
        fixture = try TableFixture(
            memoryBytes: 256 << 20, durability: .none,
            TableSchema(
                dimension: rowFloats,
                optimizer: .adam(learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8),
                scheme: .deepHash(hashes: Self.hashes, hidden: hidden)))
        layers = LayerProducts(hashes: Self.hashes, hidden: hidden)
    }

    func measurePull(_ benchmark: Benchmark) throws {
        let ids = requests.take(1)[0].ids
        let products = clock.measure { layers.forward() }
        let pull = try clock.measure { try fixture.table.pull(ids, into: buffer.output) }
        benchmark.record(pull, rows: batchRows, beside: [(.shareOfProducts, products)])
    }

    func measurePush(_ benchmark: Benchmark) throws {
        let ids = requests.take(1)[0].ids
        let products = clock.measure {
            layers.forward()
            layers.backward()
        }
        let push = try clock.measure {
            try fixture.table.push(ids, gradients: gradients.gradients).wait()
        }
        benchmark.record(push, rows: batchRows, beside: [(.shareOfProducts, products)])
    }
}

/// The products of one batch with the weights of five hidden layers and the last, on one core as in
/// the store.
private final class LayerProducts {
    /// Inputs and outputs of each layer.
    private let shapes: [(inputs: Int, outputs: Int)]
    private let inputs: UnsafeMutablePointer<Float>
    private let outputs: UnsafeMutablePointer<Float>
    private let weights: UnsafeMutablePointer<Float>

    init(hashes: Int, hidden: Int) {
        shapes =
            [(hashes, hidden)] + Array(repeating: (hidden, hidden), count: 4)
            + [(hidden, rowFloats)]
        let width = max(hashes, hidden)
        inputs = .allocate(capacity: batchRows * width)
        outputs = .allocate(capacity: batchRows * width)
        weights = .allocate(capacity: width * width)
        inputs.initialize(repeating: 0.01, count: batchRows * width)
        outputs.initialize(repeating: 0.01, count: batchRows * width)
        weights.initialize(repeating: 0.01, count: width * width)
        openblas_set_num_threads(1)
    }

    deinit {
        for floats in [inputs, outputs, weights] { floats.deallocate() }
    }

    func forward() {
        for (inner, columns) in shapes {
            // outputs = inputs · weightsᵀ
            cblas_sgemm(
                CblasRowMajor, CblasNoTrans, CblasTrans, Int32(batchRows), Int32(columns),
                Int32(inner), 1, inputs, Int32(inner), weights, Int32(inner), 0, outputs,
                Int32(columns))
        }
        blackHole(outputs)
    }

    func backward() {
        for (number, (inner, columns)) in shapes.enumerated().reversed() {
            // Of the weights: outputsᵀ · inputs.
            cblas_sgemm(
                CblasRowMajor, CblasTrans, CblasNoTrans, Int32(columns), Int32(inner),
                Int32(batchRows), 1, outputs, Int32(columns), inputs, Int32(inner), 0, weights,
                Int32(inner))
            // Of the inputs, but for those that are hashes: outputs · weights.
            if number == 0 { continue }
            cblas_sgemm(
                CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(batchRows), Int32(inner),
                Int32(columns), 1e-3, outputs, Int32(columns), weights, Int32(inner), 0, inputs,
                Int32(inner))
        }
        blackHole(inputs)
    }
}
