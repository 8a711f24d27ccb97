internal import Foundation

/// A number encoding with what it has learnt from the training rows.
public struct FittedNumber: Sendable, Hashable, Codable {
    public let encoding: NumberEncoding
    /// Where bins end, ascending: a value is in the bin whose number is that of the bounds at or
    /// below it.
    let bounds: [Float]

    /// Bins of the values that scale embeddings.
    static let scalingBins = 1000

    init(_ encoding: NumberEncoding, _ statistics: NumberStatistics) {
        self.encoding = encoding
        switch encoding {
        case .raw, .squareRoot, .square, .log, .logBuckets:
            bounds = []
        case .normalized(let bins), .equalFrequency(let bins):
            bounds = statistics.sketch.quantiles(parts: bins)
        case .scaledEmbedding:
            bounds = statistics.sketch.quantiles(parts: Self.scalingBins)
        case .equalWidth(let bins):
            let (least, largest) = (statistics.least, statistics.largest)
            bounds =
                least < largest
                ? (1..<max(bins, 1)).map { least + (largest - least) * Float($0) / Float(bins) }
                : []
        case .tree(let leaves):
            bounds = statistics.labels?.splits(leaves: leaves) ?? []
        }
    }

    /// The number for the network that a value becomes.
    func number(_ x: Float) -> Float {
        switch encoding {
        case .normalized(let bins): return Float(bin(x)) / Float(bins)
        case .scaledEmbedding: return Float(bin(x)) / Float(Self.scalingBins)
        case .raw: return x
        case .squareRoot: return x < 0 ? -(-x).squareRoot() : x.squareRoot()
        case .square: return x * x
        case .log: return x < 0 ? -log1p(-x) : log1p(x)
        case .equalFrequency, .equalWidth, .logBuckets, .tree:
            preconditionFailure("\(encoding) makes ids")
        }
    }

    /// The bucket that a value falls into.
    func bucket(_ x: Float) -> Int {
        guard case .logBuckets = encoding else { return bin(x) }
        let logarithm = Foundation.log(Double(max(x, 2)))
        // From 3 on the buckets of logarithms, up to 2 those of small values.
        return x > 2 ? Int(logarithm * logarithm) + 3 : Int(max(x, -1e9).rounded(.down))
    }

    /// Bounds at or below x.
    private func bin(_ x: Float) -> Int {
        var (low, high) = (0, bounds.count)
        while low < high {
            let middle = (low + high) / 2
            if bounds[middle] <= x { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
