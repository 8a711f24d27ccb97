import Benchmark
import CKernels
import CLimits

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension BenchmarkMetric {
    /// The rate in percent of the gather loop's, of the same rows, just before. This is the figure
    /// to compare between runs and machines.
    static var shareOfGather: BenchmarkMetric {
        .custom("Rate of gather loop (%)", polarity: .prefersLarger, useScalingFactor: false)
    }

    /// The same beside a loop that takes the optimizer's step in place.
    static var shareOfSteps: BenchmarkMetric {
        .custom("Rate of step loop (%)", polarity: .prefersLarger, useScalingFactor: false)
    }
}

/// Rows in one array, to be found by position: the limit of what a table can reach, because there
/// is nothing to look up, to lock or to count. A row fills one cache line.
final class FlatRows {
    private let rows: UnsafeMutablePointer<Float>
    /// Row-wise Adagrad's.
    private let accumulators: UnsafeMutablePointer<Float>

    init(count: Int) {
        rows = allocateOnHugePages(count * rowFloats, of: 0.01)
        accumulators = allocateOnHugePages(count, of: 0.01)
    }

    deinit {
        rows.deallocate()
        accumulators.deallocate()
    }

    /// Copies the rows at `positions`, one after the other, to `output`.
    func gather(_ positions: [UInt32], into output: UnsafeMutablePointer<Float>) {
        positions.withUnsafeBufferPointer { positions in
            limits_gather(rows, rowFloats, positions.baseAddress, positions.count, output)
        }
        blackHole(output)
    }

    /// Takes a step of row-wise Adagrad with each gradient, one after the other.
    func step(_ positions: [UInt32], gradients: UnsafePointer<Float>) {
        positions.withUnsafeBufferPointer { positions in
            for at in 0..<positions.count {
                let position = Int(positions[at])
                tc_rowwise_adagrad_step(
                    rows + position &* rowFloats, accumulators + position,
                    gradients + at &* rowFloats, rowFloats, 0.05, 1e-10)
            }
        }
    }
}

/// Memory for `count` elements, on huge pages as the store asks for them too.
func allocateOnHugePages<Element: BitwiseCopyable>(
    _ count: Int, of value: Element
) -> UnsafeMutablePointer<Element> {
    let bytes = count * MemoryLayout<Element>.stride
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 2 << 20)
    #if canImport(Glibc)
        madvise(memory, bytes, MADV_HUGEPAGE)
    #endif
    let elements = memory.bindMemory(to: Element.self, capacity: count)
    elements.initialize(repeating: value, count: count)
    return elements
}

extension Benchmark {
    /// Records what `rows` rows took, and what they took in a loop over flat rows.
    func record(
        _ elapsed: Duration, rows: Int, beside loops: [(BenchmarkMetric, Duration)]
    ) {
        measurement(.timePerRow, Int(elapsed / .seconds(1) * 1e12 / Double(rows)))
        for (metric, loop) in loops { measurement(metric, Int(100 * (loop / elapsed))) }
    }
}
