/// Counts of numbers by powers of two: 0, and every [2^k, 2^(k+1)).
public struct PowerHistogram: Sendable {
    /// Numbers from `low` to below `high`.
    public struct Bucket: Sendable, Equatable {
        public var low: Double
        public var high: Double
        public var count: Int
    }

    /// Of zeros, then by exponent.
    private var counts = [Int](repeating: 0, count: bucketCount)
    public private(set) var count = 0
    public private(set) var minimum = Double.infinity
    public private(set) var maximum = 0.0
    private var sum = 0.0

    public var mean: Double { count == 0 ? 0 : sum / Double(count) }

    /// Floats have exponents from here on; smaller ones, there are none.
    private static let exponentMin = -149
    private static let exponentMax = 160
    static let bucketCount = exponentMax - exponentMin + 2

    /// The bucket of a number that is not negative.
    static func bucket(of number: Double) -> Int {
        guard number > 0 else { return 0 }
        return max(exponentMin, min(exponentMax, Int(number.exponent))) - exponentMin + 1
    }

    static func bounds(ofBucket bucket: Int) -> (low: Double, high: Double) {
        if bucket == 0 { return (0, 0) }
        let exponent = exponentMin + bucket - 1
        return (
            Double(sign: .plus, exponent: exponent, significand: 1),
            Double(sign: .plus, exponent: exponent + 1, significand: 1)
        )
    }

    mutating func add(_ number: Double) {
        counts[Self.bucket(of: number)] += 1
        count += 1
        sum += number
        minimum = min(minimum, number)
        maximum = max(maximum, number)
    }

    /// Those that are not empty, ascending.
    public var buckets: [Bucket] {
        counts.indices.filter { counts[$0] > 0 }.map { bucket in
            let (low, high) = Self.bounds(ofBucket: bucket)
            return Bucket(low: low, high: high, count: counts[bucket])
        }
    }
}
