internal import Foundation

/// The mean negative log-likelihood of labels.
public enum LogLoss {
    /// `−mean(y·log p + (1 − y)·log(1 − p))`, with p kept within [10⁻⁷, 1 − 10⁻⁷].
    ///
    /// - Parameters:
    ///   - probabilities: in [0, 1].
    ///   - labels: 0 or 1, or the true probability, for the least loss that can be had.
    public static func of(probabilities: [Float], labels: [Float]) -> Double {
        precondition(probabilities.count == labels.count && !labels.isEmpty)
        var sum = 0.0
        for (probability, label) in zip(probabilities, labels) {
            let p = min(max(Double(probability), 1e-7), 1 - 1e-7)
            sum -= Double(label) * log(p) + (1 - Double(label)) * log1p(-p)
        }
        return sum / Double(labels.count)
    }
}
