/// Bytes of hot rows by how often they are used: exact up to 31 uses, then by powers of two.
///
/// It answers the one question of the eviction policy: up to which frequency must rows go, so that
/// enough memory becomes free?
struct FrequencyHistogram {
    private var bytes = [Double](repeating: 0, count: bucketCount)

    static let bucketCount = 32 + 11

    static func bucket(of frequency: UInt16) -> Int {
        frequency < 32 ? Int(frequency) : 32 + (10 - (frequency.leadingZeroBitCount))
    }

    mutating func add(frequency: UInt16, bytes: Double) {
        self.bytes[Self.bucket(of: frequency)] += bytes
    }

    /// Rows in buckets below `bucket` go, and of those in it a `share`.
    struct Threshold {
        var bucket: Int
        var share: Double

        static let everything = Threshold(bucket: FrequencyHistogram.bucketCount, share: 0)
    }

    /// The threshold that frees `wanted` bytes, least used rows first.
    func threshold(freeing wanted: Double) -> Threshold {
        var sum = 0.0
        for bucket in 0..<Self.bucketCount where bytes[bucket] > 0 {
            if sum + bytes[bucket] >= wanted {
                return Threshold(bucket: bucket, share: (wanted - sum) / bytes[bucket])
            }
            sum += bytes[bucket]
        }
        return .everything
    }
}
