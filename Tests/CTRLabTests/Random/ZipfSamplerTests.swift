import Foundation
import Testing

@testable import CTRLab

@Suite struct ZipfSamplerTests {
    /// Pearson's chi-squared against the exact probabilities.
    @Test(arguments: [(1.05, 20), (1.0, 20), (0.5, 7), (2.5, 50), (1.0001, 1000), (0.9999, 3)])
    func ranksComeAsOftenAsTheyShould(exponent: Double, count: Int) {
        let draws = 200_000
        let sampler = ZipfSampler(count: UInt64(count), exponent: exponent)
        var random = SplitMix64(seed: 42)
        var observed = [Int](repeating: 0, count: count)
        for _ in 0..<draws { observed[Int(sampler.next(using: &random)) - 1] += 1 }

        let weights = (1...count).map { pow(Double($0), -exponent) }
        let total = weights.reduce(0, +)
        var chiSquared = 0.0
        var cells = 0.0
        // Ranks that should come less than 10 times are taken together.
        var rest = (observed: 0.0, expected: 0.0)
        for (rank, weight) in weights.enumerated() {
            let expected = Double(draws) * weight / total
            if expected < 10 {
                rest.observed += Double(observed[rank])
                rest.expected += expected
            } else {
                chiSquared += pow(Double(observed[rank]) - expected, 2) / expected
                cells += 1
            }
        }
        if rest.expected > 0 {
            chiSquared += pow(rest.observed - rest.expected, 2) / rest.expected
            cells += 1
        }
        // Four standard deviations above the mean of the distribution.
        let freedom = cells - 1
        #expect(chiSquared < freedom + 4 * sqrt(2 * freedom) + 4)
    }

    @Test func largeSpacesKeepTheirHeadAndTheirTail() {
        let sampler = ZipfSampler(count: 1 << 40, exponent: 1.05)
        var random = SplitMix64(seed: 1)
        let draws = 100_000
        let ranks = (0..<draws).map { _ in sampler.next(using: &random) }
        #expect(ranks.allSatisfy { (1...(1 << 40)).contains($0) })
        // The sum of all weights: by the integral beyond the first thousand.
        let head = (1...1000).reduce(0) { $0 + pow(Double($1), -1.05) }
        let tail = (pow(1000.5, -0.05) - pow(Double(1 << 40) + 0.5, -0.05)) / 0.05
        let first = Double(draws) / (head + tail)
        let observed = Double(ranks.count { $0 == 1 })
        #expect(abs(observed - first) < 5 * sqrt(first))
        let beyond = Double(draws) * tail / (head + tail)
        #expect(abs(Double(ranks.count { $0 > 1000 }) - beyond) < 5 * sqrt(beyond))
    }

    @Test func oneRankIsAlwaysDrawn() {
        let sampler = ZipfSampler(count: 1, exponent: 1.2)
        var random = SplitMix64(seed: 9)
        for _ in 0..<1000 { #expect(sampler.next(using: &random) == 1) }
    }
}
