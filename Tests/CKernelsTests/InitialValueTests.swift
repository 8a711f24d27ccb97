import CKernels
import Foundation
import Testing

struct InitialValueTests {
    private func uniform(
        _ count: Int, seed: UInt64, id: UInt64, low: Float = -1, high: Float = 1
    ) -> [Float] {
        var row = [Float](repeating: .nan, count: count)
        tc_initialize_uniform(&row, count, seed, id, low, high)
        return row
    }

    private func normal(
        _ count: Int, seed: UInt64, id: UInt64, mean: Float = 0, deviation: Float = 1
    ) -> [Float] {
        var row = [Float](repeating: .nan, count: count)
        tc_initialize_normal(&row, count, seed, id, mean, deviation)
        return row
    }

    /// Stores in the field hold these values: they must not change, ever. An independent program in
    /// Python computed the same bits.
    @Test func theseValuesNeverChange() {
        let vectors: [(seed: UInt64, id: UInt64, uniform: [UInt32], normal: [UInt32])] = [
            (
                0, 0, [0x3f0c_6a9d, 0xbe75_8ccd, 0x3ddf_c02e, 0x3e6c_513b],
                [0xbed5_e7cf, 0xbf1d_8dd6, 0xbf1b_ab40, 0xbd4b_afa4]
            ),
            (
                1, 1, [0xbf77_6a02, 0x3ea0_6946, 0xbf12_c8fa, 0x3d1c_e763],
                [0x3f23_9fe7, 0xbe05_18e4, 0x3db4_f4c2, 0xbfa4_e1fc]
            ),
            (
                42, 7, [0x3ee4_8f07, 0xbd05_3e19, 0xbf19_2ae1, 0x3f7c_a8a0],
                [0x3f94_365e, 0xbdcc_7688, 0x3f95_dc03, 0x3eb5_9f09]
            ),
            (
                .max, .max, [0x3d80_46e0, 0xbee7_d3d0, 0x3f62_d54c, 0xbf43_0560],
                [0xbfed_23e2, 0x3ecc_8f47, 0x3f0d_36eb, 0x3fce_fdff]
            ),
        ]
        for vector in vectors {
            #expect(
                uniform(4, seed: vector.seed, id: vector.id).map(\.bitPattern) == vector.uniform)
            #expect(normal(4, seed: vector.seed, id: vector.id).map(\.bitPattern) == vector.normal)
        }
    }

    @Test func aLongerRowStartsLikeAShorterOne() {
        #expect(uniform(100, seed: 1, id: 2).prefix(33) == uniform(33, seed: 1, id: 2)[...])
        #expect(normal(100, seed: 1, id: 2).prefix(33) == normal(33, seed: 1, id: 2)[...])
    }

    @Test func neighbouringIdsAndSeedsShareNoValue() {
        for make in [uniform(_:seed:id:), normal(_:seed:id:)] {
            let row = make(16, 5, 100)
            for other in [make(16, 5, 101), make(16, 6, 100), make(16, 100, 5)] {
                #expect(zip(row, other).allSatisfy { $0 != $1 })
            }
        }
    }

    private func uniform(_ count: Int, seed: UInt64, id: UInt64) -> [Float] {
        uniform(count, seed: seed, id: id, low: -1, high: 1)
    }

    private func normal(_ count: Int, seed: UInt64, id: UInt64) -> [Float] {
        normal(count, seed: seed, id: id, mean: 0, deviation: 1)
    }

    @Test func uniformValuesFillTheirRangeEvenly() {
        var cells = [Int](repeating: 0, count: 100)
        let values = (0..<62_500).flatMap { uniform(16, seed: 9, id: $0, low: -3, high: 5) }
        #expect(values.min()! >= -3 && values.max()! <= 5)
        for value in values {
            cells[min(99, Int((value + 3) / 8 * 100))] += 1
        }
        // Chi-square with 99 degrees of freedom: mean 99, variance 198; 4 standard deviations
        // around it.
        let expected = Double(values.count) / 100
        let chiSquare = cells.reduce(0) { $0 + pow(Double($1) - expected, 2) / expected }
        #expect(abs(chiSquare - 99) < 4 * 198.0.squareRoot())
    }

    @Test func uniformValuesUseMoreThan24Bits() {
        // A float has room for them near zero: there it need not be a multiple of 2^-24.
        let values = (0..<1000).flatMap { uniform(16, seed: 10, id: $0, low: 0, high: 1) }
        let small = values.filter { $0 < 0x1p-4 }
        let finer = small.count { ($0 * 0x1p24).rounded() != $0 * 0x1p24 }
        #expect(finer > small.count * 9 / 10)
    }

    @Test func uniformRangesOfAllSizes() {
        #expect(
            uniform(50, seed: 1, id: 1, low: 0.25, high: 0.25) == Array(repeating: 0.25, count: 50))
        let limit = Float.greatestFiniteMagnitude
        #expect(uniform(50, seed: 1, id: 1, low: -limit, high: limit).allSatisfy { $0.isFinite })
    }

    @Test func normalValuesHaveTheMomentsOfTheNormalDistribution() {
        let values = (0..<62_500).flatMap { normal(16, seed: 9, id: $0) }.map(Double.init)
        let count = Double(values.count)
        func moment(_ power: Int) -> Double {
            values.reduce(0) { $0 + pow($1, Double(power)) } / count
        }
        // The variances of x, x², x³, x⁴ are 1, 2, 15, 96.
        #expect(abs(moment(1)) < 4 * (1 / count).squareRoot())
        #expect(abs(moment(2) - 1) < 4 * (2 / count).squareRoot())
        #expect(abs(moment(3)) < 4 * (15 / count).squareRoot())
        #expect(abs(moment(4) - 3) < 4 * (96 / count).squareRoot())
        let beyondThree = 2.0 * 0.001349898
        #expect(
            abs(Double(values.count { abs($0) > 3 }) - beyondThree * count)
                < 4 * (beyondThree * count).squareRoot())
    }

    @Test func meanAndDeviationAreAppliedInDouble() {
        let standard = normal(1000, seed: 2, id: 3)
        let moved = normal(1000, seed: 2, id: 3, mean: 0.5, deviation: 0.01)
        for (z, value) in zip(standard, moved) {
            #expect(abs(Double(value) - (0.5 + Double(Float(0.01)) * Double(z))) < 3.1e-8)
        }
        #expect(normal(9, seed: 2, id: 3, mean: 7, deviation: 0) == Array(repeating: 7, count: 9))
    }

    /// The value at a position is the quantile of a probability that the test works out by itself.
    /// The distribution function, from libm, says how far off the value is.
    @Test func normalValuesAreTrueQuantiles() {
        var beyondFour = 0
        var largestError = 0.0
        for id in 0..<20_000 as Range<UInt64> {
            let row = normal(16, seed: 77, id: id)
            let key = mixed(mixed(77 &+ golden) &+ id)
            for (position, value) in row.enumerated() {
                let bits = mixed(key &+ UInt64(position + 1) &* golden)
                let probability = Double((bits >> 12) * 2 + 1) * 0x1p-53
                let x = Double(value)
                beyondFour += abs(x) > 4 ? 1 : 0
                let density = exp(-x * x / 2) / (2 * Double.pi).squareRoot()
                let overshoot: Double
                if abs(x) < 1 {
                    overshoot = erf(x / 2.0.squareRoot()) / 2 - (probability - 0.5)
                } else if x < 0 {
                    overshoot = erfc(-x / 2.0.squareRoot()) / 2 - probability
                } else {
                    overshoot = (1 - probability) - erfc(x / 2.0.squareRoot()) / 2
                }
                largestError = max(largestError, abs(overshoot / density / x))
            }
        }
        #expect(largestError < 1e-7)
        #expect(beyondFour > 5)
    }

    private let golden: UInt64 = 0x9e37_79b9_7f4a_7c15

    private func mixed(_ input: UInt64) -> UInt64 {
        var bits = (input ^ (input >> 30)) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
        return bits ^ (bits >> 31)
    }
}
