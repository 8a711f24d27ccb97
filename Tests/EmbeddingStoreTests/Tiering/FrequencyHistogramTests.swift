import Testing

@testable import EmbeddingStore

@Suite struct FrequencyHistogramTests {
    @Test func bucketsAreExactUpTo31AndAscend() {
        for frequency in 0..<32 as Range<UInt16> {
            #expect(FrequencyHistogram.bucket(of: frequency) == Int(frequency))
        }
        var previous = -1
        for frequency in UInt16.min ... .max {
            let bucket = FrequencyHistogram.bucket(of: frequency)
            if bucket < previous || bucket > previous + 1 {
                Issue.record("frequency \(frequency): bucket \(bucket) after \(previous)")
            }
            previous = bucket
        }
        #expect(previous == FrequencyHistogram.bucketCount - 1)
    }

    @Test func theLeastUsedGoFirst() {
        var histogram = FrequencyHistogram()
        histogram.add(frequency: 1, bytes: 100)
        histogram.add(frequency: 3, bytes: 300)
        histogram.add(frequency: 60_000, bytes: 600)
        func check(_ wanted: Double, _ bucket: Int, _ share: Double) {
            let threshold = histogram.threshold(freeing: wanted)
            #expect(threshold.bucket == bucket && abs(threshold.share - share) < 1e-9, "\(wanted): \(threshold)")
        }
        check(50, 1, 0.5)
        check(100, 1, 1)
        check(250, 3, 0.5)
        check(700, FrequencyHistogram.bucketCount - 1, 0.5)
        check(5000, FrequencyHistogram.bucketCount, 0)
        #expect(FrequencyHistogram().threshold(freeing: 1).bucket == FrequencyHistogram.bucketCount)
    }
}
