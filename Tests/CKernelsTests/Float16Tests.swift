import CKernels
import Testing

struct Float16Tests {
    @Test func everyValueSurvivesDecodingAndEncoding() {
        let all = (0...UInt16.max).map { $0 }
        let decoded = decode(all)
        let nearest = encodeNearest(decoded)
        let stochastic = encodeStochastic(decoded, stream: 1)
        for bits in all {
            let isNaN = bits & 0x7fff > 0x7c00
            // A NaN becomes quiet; an infinity is beyond the range of stochastic rounding.
            let kept = isNaN ? bits | 0x200 : bits
            #expect(nearest[Int(bits)] == kept)
            #expect(stochastic[Int(bits)] == (bits & 0x7fff == 0x7c00 ? bits - 1 : kept))
        }
    }

    @Test func decodingIsExact() {
        let decoded = decode((0...UInt16.max).map { $0 })
        for bits in 0...UInt16.max {
            let sign: Double = bits & 0x8000 == 0 ? 1 : -1
            let exponent = Int(bits >> 10) & 31
            let fraction = Double(bits & 1023)
            let value = decoded[Int(bits)]
            switch exponent {
            case 0: #expect(Double(value) == sign * fraction * 0x1p-24)
            case 31 where fraction == 0: #expect(Double(value) == sign * .infinity)
            case 31: #expect(value.isNaN && !value.isSignalingNaN)
            default:
                let power = Double(sign: .plus, exponent: exponent - 15, significand: 1)
                #expect(Double(value) == sign * power * (1 + fraction / 1024))
            }
        }
    }

    @Test func nearestTakesTheNearerNeighbourAndTheEvenOneOfTwo() {
        let finite = (0...UInt16(0x7bff)).map { $0 }
        let values = decode(finite)
        for index in 1..<finite.count {
            let middle = (values[index - 1] + values[index]) / 2
            let even = finite[index] & 1 == 0 ? finite[index] : finite[index - 1]
            let around = [middle.nextDown, middle, middle.nextUp]
            #expect(encodeNearest(around) == [finite[index - 1], even, finite[index]])
            #expect(
                encodeNearest(around.map { -$0 })
                    == [finite[index - 1], even, finite[index]].map { $0 | 0x8000 })
        }
    }

    @Test func nearestOverflowsToInfinity() {
        #expect(
            encodeNearest([
                65504, Float(65520).nextDown, 65520, .greatestFiniteMagnitude, -.infinity,
            ])
                == [0x7bff, 0x7bff, 0x7c00, 0x7c00, 0xfc00])
    }

    @Test func stochasticRoundingStopsAtTheLargestFiniteValue() {
        for stream in 0..<100 as Range<UInt64> {
            let encoded = encodeStochastic(
                [65504, 65519, 1e9, .infinity, -.infinity, -70000], stream: stream)
            #expect(encoded == [0x7bff, 0x7bff, 0x7bff, 0x7bff, 0xfbff, 0xfbff])
        }
    }

    @Test func nanStaysNaNWithItsSignAndUpperBits() {
        let quiet = Float(bitPattern: 0x7fc0_0000)
        let signalling = Float(bitPattern: 0xff80_4001)
        #expect(encodeNearest([quiet, signalling]) == [0x7e00, 0xfe02])
        #expect(encodeStochastic([quiet, signalling], stream: 3) == [0x7e00, 0xfe02])
    }

    @Test(arguments: [1, 0x1p-14, 0x1p-20, 1000] as [Float])
    func stochasticRoundingIsUnbiased(magnitude: Float) {
        var generator = SeededGenerator(seed: 16)
        var errors = Errors()
        var growth = Errors()
        var largest = 0.0
        for stream in 0..<15_625 as Range<UInt64> {
            let row = generator.row(64, in: -magnitude...magnitude)
            let decoded = decode(encodeStochastic(row, stream: stream))
            for (value, result) in zip(row, decoded) {
                let unit = Double(max(Float(0x1p-24), abs(value).binade * 0x1p-10))
                let error = (Double(result) - Double(value)) / unit
                largest = max(largest, abs(error))
                errors.add(error)
                growth.add(value < 0 ? -error : error)
            }
        }
        #expect(largest < 1)
        #expect(abs(errors.mean) < 4 * errors.standardErrorOfMean)
        #expect(abs(growth.mean) < 4 * growth.standardErrorOfMean)
    }

    @Test func aStreamRepeatsItselfAndDiffersFromItsNeighbour() {
        var generator = SeededGenerator(seed: 17)
        let row = generator.row(1000)
        #expect(encodeStochastic(row, stream: 5) == encodeStochastic(row, stream: 5))
        #expect(encodeStochastic(row, stream: 5) != encodeStochastic(row, stream: 6))
    }

    private func encodeNearest(_ row: [Float]) -> [UInt16] {
        var encoded = [UInt16](repeating: 0, count: row.count)
        tc_float16_encode_nearest(row, &encoded, row.count)
        return encoded
    }

    private func encodeStochastic(_ row: [Float], stream: UInt64) -> [UInt16] {
        var encoded = [UInt16](repeating: 0, count: row.count)
        tc_float16_encode_stochastic(row, &encoded, row.count, stream)
        return encoded
    }

    private func decode(_ encoded: [UInt16]) -> [Float] {
        var row = [Float](repeating: 0, count: encoded.count)
        tc_float16_decode(encoded, &row, encoded.count)
        return row
    }
}

/// The running mean and variance of rounding errors.
struct Errors {
    private(set) var count = 0.0
    private var sum = 0.0
    private var sumOfSquares = 0.0

    mutating func add(_ error: Double) {
        count += 1
        sum += error
        sumOfSquares += error * error
    }

    var mean: Double { sum / count }
    var standardErrorOfMean: Double {
        ((sumOfSquares / count - mean * mean) / count).squareRoot()
    }
}
