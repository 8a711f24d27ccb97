import Foundation
import Testing

@testable import CTRLab

/// Measures against their definitions.
@Suite struct MetricsTests {
    /// Every pair of a positive and a negative, a tie counting one half.
    private func bruteForce(_ scores: [Float], _ labels: [Float]) -> Double? {
        var wins = 0.0
        var pairs = 0.0
        for positive in scores.indices where labels[positive] == 1 {
            for negative in scores.indices where labels[negative] == 0 {
                pairs += 1
                if scores[positive] > scores[negative] { wins += 1 }
                if scores[positive] == scores[negative] { wins += 0.5 }
            }
        }
        return pairs > 0 ? wins / pairs : nil
    }

    @Test(arguments: [1, 2, 3, 10, 1000])
    func aucIsTheShareOfOrderedPairs(values: UInt64) {
        var random = SplitMix64(seed: values)
        for count in [2, 3, 7, 60] {
            for _ in 0..<20 {
                // Few different values make many ties.
                let scores = (0..<count).map { _ in Float(random.next() % values) - 1 }
                let labels = (0..<count).map { _ in Float(random.next() & 1) }
                let auc = AUC.of(scores: scores, labels: labels)
                let expected = bruteForce(scores, labels)
                #expect((auc == nil) == (expected == nil))
                if let auc, let expected { #expect(abs(auc - expected) < 1e-12) }
            }
        }
    }

    @Test func oneClassHasNoAUC() {
        #expect(AUC.of(scores: [1, 2], labels: [1, 1]) == nil)
        #expect(AUC.of(scores: [], labels: []) == nil)
    }

    @Test func groupsAreWeightedByTheirExamples() throws {
        let scores: [Float] = [1, 2, 3, 1, 2, 5, 5]
        let labels: [Float] = [0, 1, 0, 0, 1, 1, 1]
        let groups: [UInt64] = [7, 7, 7, 8, 8, 9, 9]
        // Group 7: one of two pairs in order; 8: all; 9 has no negative.
        let auc = try #require(AUC.grouped(scores: scores, labels: labels, groups: groups))
        #expect(abs(auc - (0.5 * 3 + 1 * 2) / 5) < 1e-12)
        #expect(AUC.grouped(scores: [1], labels: [1], groups: [1]) == nil)
    }

    @Test func loglossIsTheMeanOfTheLogarithms() {
        let loss = LogLoss.of(probabilities: [0.9, 0.2, 0.5], labels: [1, 0, 1])
        #expect(abs(loss - -(log(0.9) + log(0.8) + log(0.5)) / 3) < 1e-6)
        // Certain and wrong is bad, but finite.
        #expect(abs(LogLoss.of(probabilities: [0], labels: [1]) - -log(1e-7)) < 1e-6)
        #expect(LogLoss.of(probabilities: [1], labels: [0]).isFinite)
    }

    @Test func calibrationComparesPredictedWithObserved() {
        let calibration = Calibration(
            probabilities: [0.8, 0.2, 0.6, 0.4], labels: [1, 0, 0, 0], binCount: 2)
        #expect(abs(calibration.ratio - 2) < 1e-6)
        #expect(calibration.bins.map(\.count) == [2, 2])
        #expect(abs(calibration.bins[0].meanPrediction - 0.3) < 1e-6)
        #expect(calibration.bins[1].positiveShare == 0.5)
        #expect(abs(calibration.expectedError - (0.3 + 0.2) / 2) < 1e-6)
        #expect(Calibration(probabilities: [0.5], labels: [1], binCount: 10).bins.count == 1)
    }
}
