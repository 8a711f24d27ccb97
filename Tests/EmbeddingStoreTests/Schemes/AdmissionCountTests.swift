import Testing

@testable import EmbeddingStore

/// How well sightings are counted.
@Suite struct AdmissionCountTests {
    private static func zipfStream(_ count: Int, seed: UInt64) -> [UInt64] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in
            // About Zipf's law with exponent 1 over a million ids.
            UInt64(exp2(Double.random(in: 0..<20, using: &random)))
        }
    }

    private static func exp2(_ value: Double) -> Double {
        let whole = Double(Int(value))
        // 2^fraction to within a per mille, enough for a stream of ids.
        let fraction = value - whole
        return Double(1 << Int(whole)) * (1 + fraction * (0.6565 + 0.3435 * fraction))
    }

    /// No id is admitted before it has been seen often enough, whatever else is seen.
    @Test(arguments: [1, 2] as [UInt64])
    func theSketchNeverCountsTooMuch(seed: UInt64) {
        let sketch = FrequencySketch(own: 50, admitAfter: 8, score: .count, seed: seed)
        var counts: [UInt64: Int] = [:]
        for id in Self.zipfStream(60_000, seed: seed) {
            if sketch.standings(of: [id], .push) == [.due] {
                #expect(counts[id, default: 0] + 1 >= 8, "id \(id)")
                _ = sketch.admit(id, unasked: false, keeping: false)
            }
            sketch.count([id], .push, norms: [])
            counts[id, default: 0] += 1
        }
        #expect(sketch.figures.owners ?? 0 > 40)
    }

    /// Of the ids that come most often nearly all end up with a row.
    @Test func theSketchFindsTheFrequentIds() {
        let sketch = FrequencySketch(own: 500, admitAfter: 2, score: .count, seed: 1)
        var counts: [UInt64: Int] = [:]
        for id in Self.zipfStream(200_000, seed: 5) {
            if sketch.standings(of: [id], .push) == [.due] {
                _ = sketch.admit(id, unasked: false, keeping: false)
            }
            sketch.count([id], .push, norms: [])
            counts[id, default: 0] += 1
            if sketch.isSweepDue { _ = sketch.retire(quiet: sketch.quiet()) }
        }
        let top = counts.sorted { $0.value > $1.value }.prefix(250).map(\.key)
        let found = sketch.standings(of: top, nil).count { $0 == .own }
        #expect(found >= 235, "\(found) of 250")
    }

    /// The id with large gradients goes before one that comes more often.
    @Test func theGradientsNormMayCount() {
        let sketch = FrequencySketch(own: 1, admitAfter: 1, score: .gradientNorm, seed: 1)
        sketch.count([1, 1, 1], .push, norms: [0.1, 0.1, 0.1])
        #expect(sketch.admit(1, unasked: false, keeping: false) == .admitted(insteadOf: nil))
        sketch.count([2], .push, norms: [5])
        // It looks for the weaker one in a few buckets at a time.
        var result = AdmissionResult.refused
        for _ in 0..<100 where result == .refused {
            result = sketch.admit(2, unasked: false, keeping: false)
            sketch.count((0..<256).map { 1000 + $0 }, .pull, norms: [])
        }
        #expect(result == .admitted(insteadOf: 1))
        #expect(sketch.standings(of: [1, 2], nil) == [.shared, .own])
    }

    /// The Bloom filter is never too low, and as seldom too high as stated.
    @Test func theBloomFilterIsWrongAsSeldomAsStated() {
        let counters = 1 << 16
        let filter = BloomFilter(counters: counters, admitAfter: 3, seed: 7)
        var random = SeededGenerator(seed: 3)
        let seen = (0..<6000).map { _ in random.next() }
        for _ in 0..<2 { filter.count(seen, .push, norms: []) }
        #expect(seen.allSatisfy { filter.isDue($0, .push) })
        let fresh = (0..<50_000).map { _ in random.next() }
        let early = Double(fresh.count { filter.isDue($0, .push) })
        let load = 1 - exp(-4 * 6000 / Double(counters))
        let expected = load * load * load * load * 50_000
        #expect(early < expected + 5 * expected.squareRoot(), "\(early), \(expected)")
        #expect(early > expected / 3)
    }

    private func exp(_ value: Double) -> Double {
        // The limit of (1 + x/n)^n, near enough.
        var power = 1 + value / 65_536
        for _ in 0..<16 { power *= power }
        return power
    }

    /// What is counted is handed out in pieces that others need not wait long for, and taken up as it
    /// was.
    @Test func countsAreSavedInPieces() throws {
        let filter = BloomFilter(counters: 1 << 20, admitAfter: 3, seed: 1)
        let sketch = FrequencySketch(own: 40_000, admitAfter: 3, score: .count, seed: 1)
        let ids = Array(0..<20_000 as Range<UInt64>)
        let restored: [(any Admission, any Admission)] = [
            (filter, BloomFilter(counters: 1 << 20, admitAfter: 3, seed: 1)),
            (sketch, FrequencySketch(own: 40_000, admitAfter: 3, score: .count, seed: 1)),
            (
                ExactFilter(admitAfter: 3, budget: MemoryBudget(limitBytes: 64 << 20, epoch: 0)),
                ExactFilter(admitAfter: 3, budget: MemoryBudget(limitBytes: 64 << 20, epoch: 0))
            ),
        ]
        for (from, to) in restored {
            for _ in 0..<2 { from.count(ids, .push, norms: []) }
            var pieces: [[UInt8]] = []
            try from.save { pieces.append($0) }
            #expect(pieces.count > 4 && pieces.allSatisfy { $0.count <= 64 << 10 })
            #expect(to.restore(Array(pieces.joined()), isCurrent: true))
            #expect(to.figures.candidates == from.figures.candidates)
            #expect(to.standings(of: ids, .push) == from.standings(of: ids, .push))
            #expect(to.isDue(5, .push) && !to.isDue(1 << 40, .push))
        }
    }

    @Test func countsHalveWithTheEpochs() {
        var counts = SightingCounts(pulls: 9, pushes: 4, epoch: 3)
        counts.isAdmitted = true
        #expect(counts.sightings(with: .pull) == 10 && counts.sightings(with: .push) == 9)
        counts.bringUpToDate(epoch: 5)
        #expect(counts.pulls == 2 && counts.pushes == 1 && counts.isAdmitted)
        for _ in 0..<20_000 { counts.count(.push) }
        #expect(counts.sightings == (1 << 13) - 1)
    }
}
