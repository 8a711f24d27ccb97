internal import Foundation

/// How good predictions are.
public struct Evaluation: Sendable, Hashable, Codable {
    /// The mean over the labels where there are several; so are the others.
    public var auc: Double
    public var logloss: Double
    /// Predicted over observed positives.
    public var calibration: Double
    /// AUC within groups; nil without groups, and where no group has both classes.
    public var groupAUC: Double?

    /// - Parameters:
    ///   - logits: examples × labels.
    ///   - groups: of each example, if any.
    init(logits: [Float], _ log: EncodedLog, groups: [UInt64]?) {
        let width = log.shape.labels
        let parts = (0..<width).map { label in
            let cells = stride(from: label, to: logits.count, by: width)
            return (scores: cells.map { logits[$0] }, labels: cells.map { log.labels[$0] })
        }
        func mean(_ measure: ([Float], [Float]) -> Double) -> Double {
            parts.reduce(0) { $0 + measure($1.scores, $1.labels) } / Double(width)
        }
        // Logits rank as probabilities do, and do not tie where those are rounded to 1.
        auc = mean { AUC.of(scores: $0, labels: $1) ?? .nan }
        logloss = mean { LogLoss.of(probabilities: $0.map(Variable.sigmoid), labels: $1) }
        calibration = mean {
            Calibration(probabilities: $0.map(Variable.sigmoid), labels: $1).ratio
        }
        groupAUC = groups.flatMap { groups in
            let values = parts.compactMap {
                AUC.grouped(scores: $0.scores, labels: $0.labels, groups: groups)
            }
            return values.count == width ? values.reduce(0, +) / Double(width) : nil
        }
    }
}
