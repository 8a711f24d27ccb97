internal import Foundation

/// A fast generator of random numbers that gives the same ones for the same seed.
///
/// Steele, Lea and Flood: Fast splittable pseudorandom number generators, OOPSLA 2014.
package struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mix(state)
    }

    /// A number at least 0 and below 1, of 53 random bits.
    package mutating func unit() -> Double {
        Double(next() >> 11) * 0x1p-53
    }

    /// Spreads numbers over all 64 bits; different numbers stay different.
    package static func mix(_ number: UInt64) -> UInt64 {
        var mixed = number
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number of the normal distribution with mean 0 and deviation 1.
    ///
    /// Box and Muller: A note on the generation of random normal deviates, Annals of Mathematical
    /// Statistics 29, 1958; the second number of a pair is not kept.
    package mutating func normal() -> Double {
        // 1 − unit is above 0, so that its logarithm is finite.
        (-2 * log(1 - unit())).squareRoot() * cos(2 * .pi * unit())
    }
}
