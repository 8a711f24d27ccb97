import Testing

@testable import EmbeddingStore

@Suite struct AgeingRuleTests {
    /// The periods, from 1, after which frequencies halve.
    private func halvings(_ misses: [Int], uses: Int = 1000) -> [Int] {
        var rule = AgeingRule()
        return misses.enumerated().filter { rule.halves(uses: uses, misses: $0.element) }
            .map { $0.offset + 1 }
    }

    @Test func seldomWhileNothingChanges() {
        #expect(
            halvings([100, 105, 95, 100, 104, 90, 98, 95] + Array(repeating: 95, count: 10)) == [
                8, 16,
            ])
        // As a table fills, too, and where there is no miss at all.
        #expect(halvings([900, 600, 400, 300, 200, 150, 120, 100, 90]) == [8])
        #expect(halvings(Array(repeating: 0, count: 9)) == [8])
    }

    @Test func atOnceWhenMoreMiss() {
        #expect(halvings([100, 100, 150, 140, 100, 100]) == [3, 4])
        // The next halving without a reason comes as long after it.
        #expect(halvings([100, 100, 150] + Array(repeating: 100, count: 9)) == [3, 11])
    }

    /// A load that stays harder is soon what others are compared with.
    @Test func aGoodPeriodIsForgotten() {
        let found = halvings([100] + Array(repeating: 150, count: 60))
        #expect(found.starts(with: [2, 3, 4, 5]))
        #expect(found.suffix(2).reduce(0) { $1 - $0 } == AgeingRule.periodsMax)
    }
}
