import Testing

@testable import CTRLab
@testable import thermocline

/// The words that `bench` takes, and the ids and operations that come of them.
@Suite struct LoadArgumentsTests {
    @Test func quantitiesHaveSuffixes() {
        #expect(Quantity(argument: "16M")?.value == 16_000_000)
        #expect(Quantity(argument: "1k")?.value == 1000)
        #expect(Quantity(argument: "2G")?.value == 2_000_000_000)
        #expect(Quantity(argument: "7")?.value == 7)
        for text in ["", "M", "-1", "1.5k", "1K", "18446744073709551615k", "1 k"] {
            #expect(Quantity(argument: text) == nil)
        }
    }

    @Test func distributionsAreRead() {
        #expect(IDDistribution(argument: "uniform") == .uniform)
        #expect(IDDistribution(argument: "zipf:1.05") == .zipf(exponent: 1.05))
        for text in ["", "zipf", "zipf:", "zipf:0", "zipf:-1", "zipf:nan", "zipf:inf", "normal"] {
            #expect(IDDistribution(argument: text) == nil)
        }
    }

    @Test func mixesAreRead() throws {
        let mix = try #require(OperationMix(argument: "pull:50,push:50"))
        #expect(mix.description == "pull:50,push:50")
        #expect(mix.writes)
        #expect(OperationMix(argument: "pull:1,push:0")?.writes == false)
        for text in [
            "", "pull", "pull:", "pull:-1", "pull:0", "pull:1,pull:1", "grab:1", "pull:1,",
        ] {
            #expect(OperationMix(argument: text) == nil)
        }
    }

    @Test func operationsComeByTheirWeight() throws {
        let mix = try #require(OperationMix(argument: "pull:70,push:20,assign:10"))
        var random = SplitMix64(seed: 3)
        var counts: [OperationMix.Operation: Int] = [:]
        for _ in 0..<100_000 { counts[mix.next(using: &random), default: 0] += 1 }
        // Five standard deviations of a binomial count are at most 790.
        #expect(abs(counts[.pull, default: 0] - 70_000) < 790)
        #expect(abs(counts[.push, default: 0] - 20_000) < 790)
        #expect(abs(counts[.assign, default: 0] - 10_000) < 790)
    }

    @Test(arguments: [IDDistribution.uniform, .zipf(exponent: 1.2)])
    func idsLieInTheirSpaceAndRepeatWithTheSeed(distribution: IDDistribution) {
        let space = Set((0..<50).map { IDDistribution.id(rank: $0) })
        #expect(space.count == 50)
        let batches = distribution.batches(10, of: 30, rows: 50, seed: 5)
        #expect(batches.map(\.count) == [Int](repeating: 30, count: 10))
        #expect(batches.joined().allSatisfy(space.contains))
        #expect(batches == distribution.batches(10, of: 30, rows: 50, seed: 5))
        #expect(batches != distribution.batches(10, of: 30, rows: 50, seed: 6))
    }
}
