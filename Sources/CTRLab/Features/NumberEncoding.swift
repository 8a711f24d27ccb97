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
