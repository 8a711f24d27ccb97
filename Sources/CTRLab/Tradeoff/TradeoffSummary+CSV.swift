internal import Foundation

extension TradeoffSummary {
    /// The points as CSV with a header; deviations are over the seeds.
    public var csv: String {
        let header = [
            "model", "contestant", "variant", "precision", "scheme", "budgetRatio", "ratio",
            "rowBytes", "optimizerStateBytes", "indexBytes", "networkBytes", "seeds", "testAUC",
            "testAUCDeviation", "testLogloss", "testLoglossDeviation", "validAUC",
            "validAUCDeviation", "againstFull", "againstFullDeviation", "againstFloat32",
            "againstFloat32Deviation", "samplesPerSecond", "seconds", "bestVariant", "onFront",
        ]
        func figures(_ spread: Spread?) -> [String] {
            guard let spread else { return ["", ""] }
            return [spread.mean, spread.deviation].map { String(format: "%.6f", $0) }
        }
        let lines = points.map { point in
            [
                model, point.contestant.rawValue, point.variant, point.precision,
                // Parameters of a scheme have commas between them.
                "\"\(point.scheme)\"", "\(point.budgetRatio)", String(format: "%.3f", point.ratio),
                "\(point.bytes.rows)", "\(point.bytes.optimizerState)", "\(point.bytes.index)",
                "\(point.bytes.network)", "\(point.seeds)",
            ] + figures(point.testAUC) + figures(point.testLogloss) + figures(point.validAUC)
                + figures(point.againstFull) + figures(point.againstFloat32) + [
                    String(format: "%.0f", point.samplesPerSecond),
                    String(format: "%.1f", point.seconds), "\(point.isBestVariant)",
                    "\(point.isOnFront)",
                ]
        }
        return ([header] + lines).map { $0.joined(separator: ",") + "\n" }.joined()
    }
}
