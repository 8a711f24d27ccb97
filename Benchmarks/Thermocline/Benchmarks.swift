import Benchmark

/// All suites, one file each. Run them with
///
///     THERMOCLINE_BENCHMARKS=1 swift package --disable-sandbox benchmark --grouping metric
///
/// and name some with `--filter 'int16.*'`; README.md says more.
let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.timePerRow, .traffic, .shareOfCopy],
        units: [.timePerRow: .count, .traffic: .count],
        warmupIterations: 3,
        maxDuration: .milliseconds(500),
        maxIterations: 1000)
    kernelSuite()
    codecSuite()
    tableSuite()
    coldSuite()
    serverSuite()
    networkSuite()
    packedSuite()
    durabilitySuite()
}
