import Testing

@testable import EmbeddingStore

@Suite struct RowMetaTests {
    @Test func frequenciesHalveWithEveryEpoch() {
        let meta = RowMeta(frequency: 1000, epoch: 5, flags: 0)
        #expect((5..<21).map { meta.frequency(at: $0) }
            == [1000, 500, 250, 125, 62, 31, 15, 7, 3, 1, 0, 0, 0, 0, 0, 0])
        // Epochs count on past the four bits that are kept of them.
        let late = RowMeta(frequency: 8, epoch: .max, flags: 0)
        #expect(late.frequency(at: .max) == 8)
        #expect(late.frequency(at: .max &+ 2) == 2)
    }

    @Test func aUseCountsOnTopOfWhatIsLeft() {
        var meta = RowMeta(frequency: 100, epoch: 3, flags: 0)
        meta.touch(epoch: 4)
        #expect(meta.frequency(at: 4) == 51)
        #expect(meta.has(RowMeta.touched))
        #expect(!meta.has(RowMeta.dirty))
    }

    @Test func frequenciesSaturate() {
        var meta = RowMeta(frequency: .max - 1, epoch: 0, flags: 0)
        for _ in 0..<5 { meta.touch(epoch: 0) }
        #expect(meta.frequency(at: 0) == .max)
        #expect(meta.pins == 0 && !meta.has(RowMeta.coldCopy), "the count ran over into its neighbours")
    }

    /// So that the copy on disk knows the frequency to within a factor of two.
    @Test func aCleanRowIsDirtyAtPowersOfTwoOnly() {
        var dirtied: [UInt16] = []
        var meta = RowMeta(frequency: 0, epoch: 9, flags: RowMeta.coldCopy)
        for _ in 0..<300 {
            meta.bits &= ~RowMeta.dirty
            meta.touch(epoch: 9)
            if meta.has(RowMeta.dirty) { dirtied.append(meta.frequency(at: 9)) }
        }
        #expect(dirtied == [1, 2, 4, 8, 16, 32, 64, 128, 256])
    }

    /// A row that is used once each time that it is brought from disk, and leaves then.
    @Test func promotionsAreRemembered() {
        var onDisk: UInt16 = 1
        var remembered: UInt16 = 0
        var written: [UInt16] = []
        for use in 1...100 as ClosedRange<UInt16> {
            let meta = RowMeta(
                promotedAt: 9, frequencyOnDisk: onDisk, remembered: remembered,
                flags: RowMeta.coldCopy)
            #expect(meta.has(RowMeta.touched) && meta.has(RowMeta.coldCopy))
            #expect(meta.frequency(at: 9) == use + 1)
            remembered = meta.frequency(at: 9)
            if meta.has(RowMeta.dirty) {
                onDisk = remembered
                written.append(remembered)
            }
        }
        #expect(written == [2, 4, 8, 16, 32, 64])
        let full = RowMeta(promotedAt: 9, frequencyOnDisk: .max, remembered: 255, flags: 0)
        #expect(full.frequency(at: 9) == .max && full.pins == 0)
    }

    @Test func flagsAndPinsDoNotDisturbEachOther() {
        var meta = RowMeta(frequency: 7, epoch: 15, flags: RowMeta.dirty | RowMeta.exactCopy)
        for _ in 0..<255 { meta.bits += RowMeta.pin }
        meta.setFrequency(.max, epoch: 16)
        #expect(meta.pins == 255)
        #expect(meta.has(RowMeta.dirty) && meta.has(RowMeta.exactCopy))
        #expect(!meta.has(RowMeta.coldCopy) && !meta.has(RowMeta.touched))
        #expect(meta.frequency(at: 16) == .max)
        for _ in 0..<255 { meta.bits -= RowMeta.pin }
        #expect(meta.pins == 0 && meta.frequency(at: 17) == .max / 2)
    }
}
