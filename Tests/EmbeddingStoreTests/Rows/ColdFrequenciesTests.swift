import Testing

@testable import EmbeddingStore

@Suite struct ColdFrequenciesTests {
    private static let hash = KeyHash(salt: 7)

    private static func filled(rows: Int, _ frequency: (Int) -> UInt16) -> ColdFrequencies {
        var frequencies = ColdFrequencies()
        frequencies.reserve(rows: rows)
        for row in 0..<rows { frequencies.note(hash(UInt64(row)), frequency(row), epoch: 3) }
        return frequencies
    }

    @Test func nothingIsKnownAtFirst() {
        var frequencies = ColdFrequencies()
        #expect(frequencies.frequency(Self.hash(1), epoch: 9) == 0)
        #expect(frequencies.bytes == 0)
    }

    /// No row seems to be used less than it is; with a quarter as many rows as counters few seem to be
    /// used more.
    @Test func frequenciesAreKnown() {
        let rows = 10_000
        var frequencies = Self.filled(rows: rows) { UInt16($0 % 50 + 1) }
        let over = (0..<rows).count {
            let known = frequencies.frequency(Self.hash(UInt64($0)), epoch: 3)
            let used = $0 % 50 + 1
            #expect(known >= used)
            return known > used
        }
        #expect(over < rows / 4, "\(over) rows are taken for others")
    }

    @Test func theyHalveWithEpochs() {
        var frequencies = Self.filled(rows: 1) { _ in 100 }
        #expect(frequencies.frequency(Self.hash(0), epoch: 3) == 100)
        #expect(frequencies.frequency(Self.hash(0), epoch: 5) == 25)
        frequencies.note(Self.hash(0), 90, epoch: 6)
        #expect(frequencies.frequency(Self.hash(0), epoch: 6) == 90)
        #expect(frequencies.frequency(Self.hash(0), epoch: 1000) == 0)
    }

    @Test func largeOnesSaturate() {
        var frequencies = Self.filled(rows: 1) { _ in .max }
        #expect(frequencies.frequency(Self.hash(0), epoch: 3) == 255)
    }

    /// What is known stays known when more room is made.
    @Test func growthForgetsNothing() {
        var frequencies = Self.filled(rows: 100) { UInt16($0 + 1) }
        let before = frequencies.bytes
        frequencies.reserve(rows: 5000)
        #expect(frequencies.bytes > 10 * before && frequencies.bytes < 8 * 5000)
        for row in 0..<100 {
            #expect(frequencies.frequency(Self.hash(UInt64(row)), epoch: 3) >= row + 1)
        }
    }

    /// A shard that became small gives memory back, and no row seems to be used less than it is.
    @Test func trimmingForgetsNothing() {
        var frequencies = Self.filled(rows: 5000) { UInt16($0 % 50 + 1) }
        let before = frequencies.bytes
        frequencies.trim(rows: 2500)
        #expect(frequencies.bytes == before)
        frequencies.trim(rows: 100)
        #expect(frequencies.bytes <= 16 * 100)
        for row in 0..<5000 {
            #expect(frequencies.frequency(Self.hash(UInt64(row)), epoch: 3) >= row % 50 + 1)
        }
    }

    /// Of many more rows than counters that are read in turn none seems to be used often; one that
    /// is, does.
    @Test func readsOfManyRowsAreNoFrequentUse() {
        let rows = 200
        var frequencies = Self.filled(rows: rows) { _ in 1 }
        var largest: UInt16 = 0
        for pass in 0..<5 {
            for row in 0..<50 * rows {
                for id in row % 10 == 0 ? [row, 1_000_000] : [row] {
                    let hash = Self.hash(UInt64(id))
                    let known = frequencies.frequency(hash, epoch: 3)
                    if pass > 0, id == row { largest = max(largest, known) }
                    frequencies.noteRead(hash, known + 1, epoch: 3)
                }
            }
        }
        let often = frequencies.frequency(Self.hash(1_000_000), epoch: 3)
        #expect(often >= 20, "a tenth of the reads, and seems to be used \(often) times")
        #expect(largest < often / 2, "one read in 10,000 seems to be used \(largest) times")
    }
}
