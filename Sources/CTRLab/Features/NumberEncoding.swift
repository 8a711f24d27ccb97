internal import Foundation

/// What becomes of a field of numbers.
public enum NumberEncoding: Sendable, Hashable, Codable {
    // Numbers for the network.

    /// Equal-frequency normalization: split at the quantiles into n bins of equal mass, a value in
    /// bin b becomes b/n (Cheng et al., Wide & Deep, DLRS 2016, section 4.2).
    case normalized(bins: Int)
    /// `x`
    case raw
    /// `sign(x)·√|x|` (Covington et al., RecSys 2016)
    case squareRoot
    /// `x²`
    case square
    /// `sign(x)·log(1 + |x|)`
    case log

    // Ids.

    /// Buckets of equal mass.
    case equalFrequency(bins: Int)
    /// Buckets of equal width between the least and the largest value.
    case equalWidth(bins: Int)
    /// `⌊(log x)²⌋` for x above 2, else `⌊x⌋` (Juan et al., winners of the Criteo challenge, 2014).
    case logBuckets
    /// The leaves of a decision tree on the value alone, grown to tell the label.
    case tree(leaves: Int)
    /// One embedding for the field, scaled by the value's equal-frequency normalization.
    case scaledEmbedding

    /// Whether it makes ids; else it makes numbers.
    var makesIDs: Bool {
        switch self {
        case .normalized, .raw, .squareRoot, .square, .log: false
        case .equalFrequency, .equalWidth, .logBuckets, .tree, .scaledEmbedding: true
        }
    }
}

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
