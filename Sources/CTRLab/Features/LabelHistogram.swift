internal import Foundation

/// Positive and negative examples in fine bins of a number.
struct LabelHistogram {
    /// Where bins end, ascending and different.
    let bounds: [Float]
    private var counts: [(negatives: Double, positives: Double)]

    static let binsMax = 256
    /// A leaf with fewer examples says too little about its label.
    static let leafMin = 50.0

    init(_ sketch: QuantileSketch) {
        var bounds: [Float] = []
        for bound in sketch.quantiles(parts: Self.binsMax) where bound != bounds.last {
            bounds.append(bound)
        }
        self.bounds = bounds
        counts = Array(repeating: (0, 0), count: bounds.count + 1)
    }

    mutating func add(_ x: Float, label: Float) {
        let bin = bounds.firstIndex { x < $0 } ?? bounds.count
        if label > 0.5 { counts[bin].positives += 1 } else { counts[bin].negatives += 1 }
    }

    /// The bounds of the leaves of a tree that is grown best first: each time the split that lowers
    /// the log-loss of the training rows most (Breiman et al., Classification and regression
    /// trees, 1984, with the entropy for impurity).
    func splits(leaves: Int) -> [Float] {
        var leavesSoFar = [best(in: 0..<counts.count)]
        var splits: [Float] = []
        while leavesSoFar.count < leaves,
            let index = leavesSoFar.indices.max(by: { leavesSoFar[$0].gain < leavesSoFar[$1].gain }
            ),
            leavesSoFar[index].gain > 1e-9
        {
            let (bins, split, _) = leavesSoFar.remove(at: index)
            splits.append(bounds[split - 1])
            leavesSoFar.append(best(in: bins.lowerBound..<split))
            leavesSoFar.append(best(in: split..<bins.upperBound))
        }
        return splits.sorted()
    }

    /// The best place to split some bins, and what it gains; no gain where there is none.
    private func best(in bins: Range<Int>) -> (bins: Range<Int>, split: Int, gain: Double) {
        var best = (bins: bins, split: bins.lowerBound, gain: 0.0)
        let total = counts[bins].reduce((0.0, 0.0)) { ($0.0 + $1.negatives, $0.1 + $1.positives) }
        var left = (0.0, 0.0)
        for split in bins.dropFirst() {
            left.0 += counts[split - 1].negatives
            left.1 += counts[split - 1].positives
            let right = (total.0 - left.0, total.1 - left.1)
            guard min(left.0 + left.1, right.0 + right.1) >= Self.leafMin else { continue }
            let gain = Self.loss(total) - Self.loss(left) - Self.loss(right)
            if gain > best.gain { best = (bins, split, gain) }
        }
        return best
    }

    /// Log-loss of examples that are all predicted by their mean.
    private static func loss(_ counts: (Double, Double)) -> Double {
        let total = counts.0 + counts.1
        func term(_ count: Double) -> Double {
            count > 0 ? -count * Foundation.log(count / total) : 0
        }
        return term(counts.0) + term(counts.1)
    }
}
