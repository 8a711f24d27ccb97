import Benchmark
import CKernels

/// Rows, optimizer state and encoded rows of one size, filled with small random numbers.
private final class KernelRows {
    let dimension: Int
    let residence: Residence
    let row: UnsafeMutablePointer<Float>
    let first: UnsafeMutablePointer<Float>
    let second: UnsafeMutablePointer<Float>
    let gradient: UnsafeMutablePointer<Float>
    /// One number a row: scales, or row-wise accumulators.
    let perRow: UnsafeMutablePointer<Float>
    let int16: UnsafeMutablePointer<Int16>
    let int8: UnsafeMutablePointer<Int8>
    let float16: UnsafeMutablePointer<UInt16>

    var count: Int { residence.floats / dimension }

    init(dimension: Int, residence: Residence) {
        self.dimension = dimension
        self.residence = residence
        let floats = residence.floats
        row = .allocate(capacity: floats)
        first = .allocate(capacity: floats)
        second = .allocate(capacity: floats)
        gradient = .allocate(capacity: floats)
        perRow = .allocate(capacity: floats / dimension)
        int16 = .allocate(capacity: floats)
        int8 = .allocate(capacity: floats)
        float16 = .allocate(capacity: floats)
        first.initialize(repeating: 0, count: floats)
        second.initialize(repeating: 0, count: floats)
        perRow.initialize(repeating: 0, count: floats / dimension)
        for index in 0..<floats / dimension {
            let start = index * dimension
            tc_initialize_uniform(row + start, dimension, 1, UInt64(index), -0.1, 0.1)
            tc_initialize_uniform(gradient + start, dimension, 2, UInt64(index), -0.1, 0.1)
            perRow[index] = tc_int16_encode_nearest(row + start, int16 + start, dimension)
            _ = tc_int8_encode_stochastic(row + start, int8 + start, dimension, 0)
            tc_float16_encode_nearest(row + start, float16 + start, dimension)
        }
    }

    deinit {
        for floats in [row, first, second, gradient, perRow] { floats.deallocate() }
        int16.deallocate()
        int8.deallocate()
        float16.deallocate()
    }
}

private struct Kernel: Sendable {
    let name: String
    /// Bytes read and written for each element, and once for each row.
    let elementBytes: Int
    var rowBytes = 0
    /// Runs the kernel on row `index`, which starts at float `start`.
    let run: @Sendable (_ rows: KernelRows, _ index: Int, _ start: Int) -> Void
}

private let kernels = [
    Kernel(name: "float16 encode nearest", elementBytes: 6) {
        tc_float16_encode_nearest($0.row + $2, $0.float16 + $2, $0.dimension)
    },
    Kernel(name: "float16 encode stochastic", elementBytes: 6) {
        tc_float16_encode_stochastic($0.row + $2, $0.float16 + $2, $0.dimension, UInt64($1))
    },
    Kernel(name: "float16 decode", elementBytes: 6) {
        tc_float16_decode($0.float16 + $2, $0.row + $2, $0.dimension)
    },
    Kernel(name: "int16 encode stochastic", elementBytes: 6, rowBytes: 4) {
        $0.perRow[$1] = tc_int16_encode_stochastic(
            $0.row + $2, $0.int16 + $2, $0.dimension, UInt64($1))
    },
    Kernel(name: "int16 encode nearest", elementBytes: 6, rowBytes: 4) {
        $0.perRow[$1] = tc_int16_encode_nearest($0.row + $2, $0.int16 + $2, $0.dimension)
    },
    Kernel(name: "int16 decode", elementBytes: 6, rowBytes: 4) {
        tc_int16_decode($0.int16 + $2, $0.perRow[$1], $0.row + $2, $0.dimension)
    },
    Kernel(name: "int8 encode stochastic", elementBytes: 5, rowBytes: 4) {
        $0.perRow[$1] = tc_int8_encode_stochastic(
            $0.row + $2, $0.int8 + $2, $0.dimension, UInt64($1))
    },
    Kernel(name: "int8 decode", elementBytes: 5, rowBytes: 4) {
        tc_int8_decode($0.int8 + $2, $0.perRow[$1], $0.row + $2, $0.dimension)
    },
    Kernel(name: "count losses", elementBytes: 12) {
        let losses = tc_count_losses(
            $0.row + $2, $0.gradient + $2, $0.row + $2, $0.dimension, 65504)
        blackHole(losses.vanished)
    },
    Kernel(name: "sgd", elementBytes: 12) {
        tc_sgd_step($0.row + $2, $0.gradient + $2, $0.dimension, 0.01)
    },
    Kernel(name: "momentum", elementBytes: 20) {
        tc_momentum_step($0.row + $2, $0.first + $2, $0.gradient + $2, $0.dimension, 0.01, 0.9)
    },
    Kernel(name: "adagrad", elementBytes: 20) {
        tc_adagrad_step($0.row + $2, $0.first + $2, $0.gradient + $2, $0.dimension, 0.05, 1e-10)
    },
    Kernel(name: "row-wise adagrad", elementBytes: 12, rowBytes: 8) {
        tc_rowwise_adagrad_step(
            $0.row + $2, $0.perRow + $1, $0.gradient + $2, $0.dimension, 0.05, 1e-10)
    },
    Kernel(name: "adam", elementBytes: 28) {
        tc_adam_step(
            $0.row + $2, $0.first + $2, $0.second + $2, $0.gradient + $2, $0.dimension,
            0.001, 0.1, 0.001, 1e-8)
    },
    Kernel(name: "ftrl", elementBytes: 28) {
        tc_ftrl_step(
            $0.row + $2, $0.first + $2, $0.second + $2, $0.gradient + $2, $0.dimension,
            0.05, 1, 0.1, 0.01)
    },
    Kernel(name: "initialize uniform", elementBytes: 4) {
        tc_initialize_uniform($0.row + $2, $0.dimension, 1, UInt64($1), -0.1, 0.1)
    },
    Kernel(name: "initialize normal", elementBytes: 4) {
        tc_initialize_normal($0.row + $2, $0.dimension, 1, UInt64($1), 0, 0.1)
    },
    Kernel(name: "add", elementBytes: 12) {
        tc_add($0.row + $2, $0.gradient + $2, $0.dimension)
    },
    Kernel(name: "add scaled", elementBytes: 12) {
        tc_add_scaled($0.row + $2, $0.gradient + $2, $0.dimension, 0.3)
    },
    Kernel(name: "scale", elementBytes: 8) { tc_scale($0.row + $2, $0.dimension, -1) },
    Kernel(name: "max", elementBytes: 12) {
        tc_max($0.row + $2, $0.gradient + $2, $0.dimension)
    },
    Kernel(name: "square", elementBytes: 8) { tc_square($0.second + $2, $0.dimension) },
    Kernel(name: "square root", elementBytes: 8) {
        tc_square_root($0.second + $2, $0.dimension)
    },
    Kernel(name: "all finite", elementBytes: 4) {
        blackHole(tc_all_finite($0.row + $2, $0.dimension))
    },
    Kernel(name: "checksum", elementBytes: 4) {
        blackHole(tc_checksum($0.row + $2, $0.dimension * MemoryLayout<Float>.size))
    },
]

/// Every kernel, called row by row in order as the store calls it. The level is what
/// THERMOCLINE_KERNELS says.
func kernelSuite() {
    let level = String(cString: tc_level_name(tc_level_in_use()))
    for residence in Residence.allCases {
        for kernel in kernels {
            for dimension in [16, 64, 128] {
                Benchmark("\(kernel.name), \(dimension) floats, \(residence), \(level)") {
                    (benchmark: Benchmark, state: (rows: KernelRows, copy: CopyYardstick)) in
                    measure(kernel, on: state.rows, beside: state.copy, benchmark)
                } setup: {
                    (
                        KernelRows(dimension: dimension, residence: residence),
                        CopyYardstick(dimension: dimension, residence: residence)
                    )
                }
            }
        }
    }
}

private func measure(
    _ kernel: Kernel, on rows: KernelRows, beside copy: CopyYardstick, _ benchmark: Benchmark
) {
    let copyBytesPerSecond = copy.bytesPerSecond()
    let elapsed = ContinuousClock().measure {
        for _ in 0..<rows.residence.passes {
            for index in 0..<rows.count { kernel.run(rows, index, index * rows.dimension) }
        }
    }
    benchmark.record(
        elapsed, rows: rows.residence.passes * rows.count,
        bytesPerRow: kernel.elementBytes * rows.dimension + kernel.rowBytes,
        copyBytesPerSecond: copyBytesPerSecond)
}
