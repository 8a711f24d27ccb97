import Benchmark

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension BenchmarkMetric {
    /// Picoseconds: the counters are whole numbers, and a row may take few nanoseconds.
    static var timePerRow: BenchmarkMetric {
        .custom("Time per row (ps)", polarity: .prefersSmaller, useScalingFactor: false)
    }

    /// Bytes read plus bytes written, as the kernel or the request needs them.
    static var traffic: BenchmarkMetric {
        .custom("Traffic (MB/s)", polarity: .prefersLarger, useScalingFactor: false)
    }

    /// Traffic in percent of memcpy's, of rows of the same size in the same memory, just before.
    /// This is the figure to compare between runs and machines.
    static var shareOfCopy: BenchmarkMetric {
        .custom("Traffic of memcpy (%)", polarity: .prefersLarger, useScalingFactor: false)
    }
}

/// Where the rows of a benchmark lie.
enum Residence: CaseIterable {
    case cache, memory

    /// Floats per array: 8 KiB, so that four arrays stay in a first-level cache of 32 KiB; 64 MiB,
    /// twice the last-level cache.
    var floats: Int {
        switch self {
        case .cache: 1 << 11
        case .memory: 1 << 24
        }
    }

    /// Passes over the arrays in one measurement, which should last some milliseconds.
    var passes: Int {
        switch self {
        case .cache: 1000
        case .memory: 1
        }
    }
}

/// Copies rows one by one with memcpy, as a yardstick beside each measurement.
final class CopyYardstick {
    private let source: UnsafeMutablePointer<Float>
    private let target: UnsafeMutablePointer<Float>
    private let dimension: Int
    private let residence: Residence

    init(dimension: Int, residence: Residence) {
        self.dimension = dimension
        self.residence = residence
        source = .allocate(capacity: residence.floats)
        target = .allocate(capacity: residence.floats)
        source.initialize(repeating: 1, count: residence.floats)
        target.initialize(repeating: 0, count: residence.floats)
    }

    deinit {
        source.deallocate()
        target.deallocate()
    }

    /// Bytes read and written per second.
    func bytesPerSecond() -> Double {
        let elapsed = ContinuousClock().measure {
            for _ in 0..<residence.passes {
                for start in stride(from: 0, to: residence.floats, by: dimension) {
                    memcpy(target + start, source + start, dimension * MemoryLayout<Float>.size)
                }
                blackHole(target)
            }
        }
        let bytes = 2 * residence.floats * MemoryLayout<Float>.size * residence.passes
        return Double(bytes) / (elapsed / .seconds(1))
    }
}

extension Benchmark {
    /// Records what moving `bytesPerRow` bytes for each of `rows` rows took, beside the yardstick.
    func record(_ elapsed: Duration, rows: Int, bytesPerRow: Int, copyBytesPerSecond: Double) {
        let seconds = elapsed / .seconds(1)
        let bytesPerSecond = Double(rows * bytesPerRow) / seconds
        measurement(.timePerRow, Int(seconds * 1e12 / Double(rows)))
        measurement(.traffic, Int(bytesPerSecond / 1e6))
        measurement(.shareOfCopy, Int(100 * bytesPerSecond / copyBytesPerSecond))
    }
}
