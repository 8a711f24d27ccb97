internal import Foundation

/// Draws ranks 1 to n with probability proportional to rank^−exponent, in constant time.
///
/// Rejection-inversion: Hörmann and Derflinger, Rejection-inversion to generate variates from
/// monotone discrete distributions, ACM TOMACS 6(3), 1996. A draw takes one random number and
/// is rejected in few cases, for any n and exponent.
package struct ZipfSampler {
    private let count: Double
    private let exponent: Double
    /// The integral of the density from 1 to 1.5, less the first rank's probability mass.
    private let integralOfFirst: Double
    /// The same integral from 1 to n + ½.
    private let integralOfLast: Double
    /// A rank that lies at most this far above the drawn point is taken without a second look.
    private let shortcut: Double

    /// - Parameters:
    ///   - count: ranks to draw from, 1 to 2^53.
    ///   - exponent: above 0.
    package init(count: UInt64, exponent: Double) {
        precondition(count >= 1 && count <= 1 << 53, "\(count) ranks")
        precondition(exponent > 0 && exponent.isFinite, "exponent \(exponent)")
        self.count = Double(count)
        self.exponent = exponent
        integralOfFirst = Self.integral(1.5, exponent) - 1
        integralOfLast = Self.integral(Double(count) + 0.5, exponent)
        let second = Self.integral(2.5, exponent) - Self.density(2, exponent)
        shortcut = 2 - Self.inverseIntegral(second, exponent)
    }

    /// A rank; 1 is the most frequent.
    package func next(using random: inout SplitMix64) -> UInt64 {
        while true {
            let area = integralOfLast + random.unit() * (integralOfFirst - integralOfLast)
            let point = Self.inverseIntegral(area, exponent)
            // Rounding errors may lead a little outside.
            let rank = min(max(point.rounded(), 1), count)
            if rank - point <= shortcut
                || area >= Self.integral(rank + 0.5, exponent) - Self.density(rank, exponent)
            {
                return UInt64(rank)
            }
        }
    }

    private static func density(_ x: Double, _ exponent: Double) -> Double {
        exp(-exponent * log(x))
    }

    /// The integral of the density from 1 to x: (x^(1−e) − 1) / (1 − e), and log x for e = 1.
    private static func integral(_ x: Double, _ exponent: Double) -> Double {
        let logarithm = log(x)
        return expm1Ratio((1 - exponent) * logarithm) * logarithm
    }

    private static func inverseIntegral(_ area: Double, _ exponent: Double) -> Double {
        // Below −1 only by rounding errors.
        let scaled = max(area * (1 - exponent), -1)
        return exp(log1pRatio(scaled) * area)
    }

    /// log(1 + x) / x, also where x is near 0.
    private static func log1pRatio(_ x: Double) -> Double {
        abs(x) > 1e-8 ? log1p(x) / x : 1 - x * (0.5 - x * (1.0 / 3 - 0.25 * x))
    }

    /// (e^x − 1) / x, also where x is near 0.
    private static func expm1Ratio(_ x: Double) -> Double {
        abs(x) > 1e-8 ? expm1(x) / x : 1 + x * 0.5 * (1 + x / 3 * (1 + 0.25 * x))
    }
}
