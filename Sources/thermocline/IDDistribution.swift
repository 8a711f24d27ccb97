internal import ArgumentParser
internal import CTRLab

/// Which ids a load asks for: `uniform`, or `zipf:EXPONENT`.
enum IDDistribution: Equatable, ExpressibleByArgument, CustomStringConvertible {
    case uniform
    case zipf(exponent: Double)

    init?(argument: String) {
        if argument == "uniform" {
            self = .uniform
        } else if argument.hasPrefix("zipf:"), let exponent = Double(argument.dropFirst(5)),
            exponent > 0, exponent.isFinite
        {
            self = .zipf(exponent: exponent)
        } else {
            return nil
        }
    }

    var description: String {
        switch self {
        case .uniform: "uniform"
        case .zipf(let exponent): "zipf:\(exponent)"
        }
    }

    var defaultValueDescription: String { description }

    /// The id of a rank below the number of rows. Ids are spread over all 64 bits, as hashed
    /// features are, so that neighbours in rank are no neighbours in the store.
    static func id(rank: UInt64) -> UInt64 {
        SplitMix64.mix(rank &+ 1)
    }

    /// `batches` times `size` ids out of `rows`.
    func batches(
        _ batches: Int, of size: Int, rows: UInt64, seed: UInt64
    ) -> [[UInt64]] {
        var random = SplitMix64(seed: seed)
        switch self {
        case .uniform:
            return (0..<batches).map { _ in
                (0..<size).map { _ in
                    Self.id(rank: UInt64.random(in: 0..<rows, using: &random))
                }
            }
        case .zipf(let exponent):
            let sampler = ZipfSampler(count: rows, exponent: exponent)
            return (0..<batches).map { _ in
                (0..<size).map { _ in Self.id(rank: sampler.next(using: &random) - 1) }
            }
        }
    }
}
