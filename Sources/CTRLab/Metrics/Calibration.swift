/// Whether predicted probabilities mean what they say.
public struct Calibration: Sendable, Hashable, Codable {
    /// Mean prediction and share of positives in one part of the examples.
    public struct Bin: Sendable, Hashable, Codable {
        public var count: Int
        public var meanPrediction: Double
        public var positiveShare: Double
    }

    /// Predicted over observed positives; 1 is unbiased, above 1 predicts too many (He et al.,
    /// Practical lessons from predicting clicks on ads at Facebook, ADKDD 2014).
    /// Infinite where nothing is positive.
    public var ratio: Double
    /// Examples in the order of their predictions, in parts of equal size.
    public var bins: [Bin]

    /// Mean distance of prediction and observation over the bins, weighted by their examples
    /// (expected calibration error: Naeini et al., AAAI 2015, with bins of equal mass).
    public var expectedError: Double {
        let total = Double(bins.reduce(0) { $0 + $1.count })
        return bins.reduce(0) {
            $0 + abs($1.meanPrediction - $1.positiveShare) * Double($1.count) / total
        }
    }

    /// - Parameters:
    ///   - probabilities: in [0, 1], at least one.
    ///   - labels: 0 or 1.
    ///   - binCount: parts, at least 1; fewer where there are fewer examples.
    public init(probabilities: [Float], labels: [Float], binCount: Int = 10) {
        precondition(probabilities.count == labels.count && !labels.isEmpty && binCount > 0)
        let order = probabilities.indices.sorted { probabilities[$0] < probabilities[$1] }
        let parts = min(binCount, order.count)
        bins = (0..<parts).map { part in
            let members = order[order.count * part / parts..<order.count * (part + 1) / parts]
            let count = Double(members.count)
            return Bin(
                count: members.count,
                meanPrediction: members.reduce(0) { $0 + Double(probabilities[$1]) } / count,
                positiveShare: members.reduce(0) { $0 + Double(labels[$1]) } / count)
        }
        let predicted = bins.reduce(0) { $0 + $1.meanPrediction * Double($1.count) }
        let observed = bins.reduce(0) { $0 + $1.positiveShare * Double($1.count) }
        ratio = predicted / observed
    }
}
