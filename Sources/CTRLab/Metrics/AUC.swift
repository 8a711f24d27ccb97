/// The area under the receiver operating characteristic.
public enum AUC {
    /// The probability that a positive example has a higher score than a negative one, a tie
    /// counting one half; exact, by the rank sum of Mann and Whitney (Annals of Mathematical
    /// Statistics 18, 1947):
    ///
    ///     AUC = (Σ ranks of positives − P(P+1)/2) / (P·N), tied scores sharing their mean rank
    ///
    /// - Parameters:
    ///   - scores: finite; any monotone function of the probability gives the same value.
    ///   - labels: 0 or 1, one for each score.
    /// - Returns: nil where there is no positive or no negative example.
    /// - Complexity: O(n log n).
    public static func of(scores: [Float], labels: [Float]) -> Double? {
        of(scores: scores, labels: labels, examples: Array(scores.indices))
    }

    /// The mean of the AUC of each group, weighted by the group's examples; groups of one class
    /// have none and are left out (GAUC: Zhu et al., Optimized cost per click in Taobao display
    /// advertising, KDD 2017, with examples as impressions).
    ///
    /// - Returns: nil where no group has both classes.
    public static func grouped(scores: [Float], labels: [Float], groups: [UInt64]) -> Double? {
        let members = Dictionary(grouping: scores.indices) { groups[$0] }
        var sum = 0.0
        var weight = 0.0
        // In a fixed order, so that the sum is the same in every run.
        for (_, examples) in members.sorted(by: { $0.key < $1.key }) {
            guard let auc = of(scores: scores, labels: labels, examples: examples) else { continue }
            sum += auc * Double(examples.count)
            weight += Double(examples.count)
        }
        return weight > 0 ? sum / weight : nil
    }

    private static func of(scores: [Float], labels: [Float], examples: [Int]) -> Double? {
        precondition(scores.count == labels.count)
        let ranked = examples.map { (score: scores[$0], isPositive: labels[$0] > 0.5) }
            .sorted { $0.score < $1.score }
        var positives = 0
        var rankSum = 0.0
        var start = 0
        while start < ranked.count {
            var end = start
            var tiedPositives = 0
            while end < ranked.count, ranked[end].score == ranked[start].score {
                if ranked[end].isPositive { tiedPositives += 1 }
                end += 1
            }
            // Ranks start + 1 … end.
            rankSum += Double(tiedPositives) * Double(start + 1 + end) / 2
            positives += tiedPositives
            start = end
        }
        let negatives = ranked.count - positives
        guard positives > 0, negatives > 0 else { return nil }
        let least = Double(positives) * Double(positives + 1) / 2
        return (rankSum - least) / (Double(positives) * Double(negatives))
    }
}
