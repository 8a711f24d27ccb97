import CKernels
import Testing

/// int16 and int8 rows with a scale: the same promises, a different number of steps.
struct ScaledIntegerTests {
    enum Encoding: CaseIterable, Sendable {
        case int16Stochastic, int16Nearest, int8Stochastic, int8Nearest

        var isInt8: Bool { self == .int8Stochastic || self == .int8Nearest }

        var steps: Int { isInt8 ? 127 : 32767 }

        func encode(_ row: [Float], stream: UInt64 = 1) -> (scale: Float, values: [Int]) {
            var int16 = [Int16](repeating: 0, count: row.count)
            var int8 = [Int8](repeating: 0, count: row.count)
            switch self {
            case .int16Stochastic:
                let scale = tc_int16_encode_stochastic(row, &int16, row.count, stream)
                return (scale, int16.map(Int.init))
            case .int16Nearest:
                let scale = tc_int16_encode_nearest(row, &int16, row.count)
                return (scale, int16.map(Int.init))
            case .int8Stochastic:
                let scale = tc_int8_encode_stochastic(row, &int8, row.count, stream)
                return (scale, int8.map(Int.init))
            case .int8Nearest:
                let scale = tc_int8_encode_nearest(row, &int8, row.count)
                return (scale, int8.map(Int.init))
            }
        }

        func decode(_ encoded: (scale: Float, values: [Int])) -> [Float] {
            var row = [Float](repeating: 0, count: encoded.values.count)
            if isInt8 {
                tc_int8_decode(encoded.values.map(Int8.init), encoded.scale, &row, row.count)
            } else {
                tc_int16_decode(encoded.values.map(Int16.init), encoded.scale, &row, row.count)
            }
            return row
        }
    }

    /// Rows of every size that a float can have, and the shapes that are likely to go wrong.
    private func awkwardRows(seed: UInt64) -> [[Float]] {
        var generator = SeededGenerator(seed: seed)
        var rows: [[Float]] = []
        for exponent in -149...127 {
            let unit = Float(sign: .plus, exponent: exponent, significand: 1)
            for count in [1, 2, 16, 19] {
                rows.append(generator.row(count).map { $0 * unit })
            }
            rows.append([unit])
            rows.append([-unit.nextUp, unit.nextDown, unit / 3])
            rows.append([unit] + generator.row(7).map { $0 * 1e-30 })
        }
        for _ in 0..<20_000 {
            rows.append(
                [Float.random(in: 0...1, using: &generator)] + generator.row(3, in: -0.1...0.1))
        }
        let largest = Float.greatestFiniteMagnitude
        rows += [
            [largest], [largest.nextDown, -largest], [3e38, -1, 1e-38],
            [Float.leastNonzeroMagnitude],
            [Float.leastNormalMagnitude], [32767 * Float.leastNormalMagnitude, 1e-38],
            [(32767 * Float.leastNormalMagnitude).nextDown, 1e-38], [0, 0, -0.0],
            [127 * Float.leastNormalMagnitude], [(127 * Float.leastNormalMagnitude).nextDown],
        ]
        return rows
    }

    @Test(arguments: Encoding.allCases)
    func aDecodedRowIsWithinOneStep(encoding: Encoding) {
        for row in awkwardRows(seed: 1) {
            let encoded = encoding.encode(row)
            let bound = encoding == .int16Nearest || encoding == .int8Nearest ? 0.5 : 1.0
            for (value, result) in zip(row, encoding.decode(encoded)) {
                // One rounding of the result comes on top.
                let allowed = bound * Double(encoded.scale) + Double(value.ulp)
                #expect(abs(Double(result) - Double(value)) <= allowed, "\(row)")
            }
        }
    }

    @Test(arguments: Encoding.allCases)
    func theLargestValueIsTheLastStep(encoding: Encoding) {
        for row in awkwardRows(seed: 2) {
            let encoded = encoding.encode(row)
            let largest = row.map(abs).max()!
            let expected = Double(largest) / Double(encoding.steps)
            guard expected >= Double(Float.leastNormalMagnitude) else {
                #expect(encoded.scale == (largest == 0 ? 0 : Float.leastNormalMagnitude))
                #expect(encoded.values.allSatisfy { abs($0) <= encoding.steps })
                continue
            }
            #expect(abs(Double(encoded.scale) / expected - 1) < 0x1p-22, "\(row)")
            #expect(encoded.values.map(abs).max() == encoding.steps, "\(row)")
        }
    }

    /// Just below a power of two, floats lie so densely that the largest need not be a multiple of
    /// the rounded scale.
    @Test(arguments: Encoding.allCases)
    func theLargestValueIsTheLastStepUnderEveryStream(encoding: Encoding) {
        var missed = 0
        for ulps in 1...512 as ClosedRange<UInt32> {
            let largest = Float(bitPattern: Float(1).bitPattern - ulps)
            for stream in 0..<50 as Range<UInt64> {
                let row = [Float](repeating: largest, count: 64)
                missed += encoding.encode(row, stream: stream).values.count { $0 != encoding.steps }
            }
        }
        #expect(missed == 0)
    }

    @Test(arguments: Encoding.allCases)
    func aValueOnTheGridStaysThere(encoding: Encoding) {
        for (index, row) in awkwardRows(seed: 3).enumerated() {
            let encoded = encoding.encode(row, stream: UInt64(index))
            let decoded = encoding.decode(encoded)
            #expect(decoded.allSatisfy { $0.isFinite })
            let again = encoding.encode(decoded, stream: UInt64(index) &+ 77)
            #expect(again.values == encoded.values, "\(row)")
            #expect(again.scale == encoded.scale || encoded.values.allSatisfy { $0 == 0 }, "\(row)")
        }
    }

    @Test func everyGridPointStaysThere() {
        var generator = SeededGenerator(seed: 4)
        let points = (-32767...32767).map { Int($0) }
        for _ in 0..<50 {
            let exponent = Int.random(in: -126...112, using: &generator)
            let significand = Float.random(in: 1..<2, using: &generator)
            let largest = Float(sign: .plus, exponent: exponent + 14, significand: significand)
            let scale = Encoding.int16Stochastic.encode([largest]).scale
            let grid = Encoding.int16Stochastic.decode((scale, points))
            #expect(Encoding.int16Stochastic.encode(grid, stream: 9).values == points)
            #expect(Encoding.int16Nearest.encode(grid).values == points)
        }
    }

    @Test(arguments: [Encoding.int16Stochastic, .int8Stochastic])
    func stochasticRoundingIsUnbiased(encoding: Encoding) {
        var generator = SeededGenerator(seed: 5)
        var errors = Errors()
        for stream in 0..<15_625 as Range<UInt64> {
            let row = generator.row(64)
            let encoded = encoding.encode(row, stream: stream)
            for (value, step) in zip(row, encoded.values) {
                errors.add(Double(step) - Double(value) / Double(encoded.scale))
            }
        }
        #expect(errors.count == 1_000_000)
        #expect(abs(errors.mean) < 4 * errors.standardErrorOfMean)
    }

    @Test(arguments: [Encoding.int16Stochastic, .int8Stochastic])
    func aFractionIsRoundedUpAsOftenAsItSays(encoding: Encoding) {
        // 1 sets the scale; the others lie between two steps.
        for fraction in [0.001, 0.1, 0.5, 0.9, 0.999] {
            let below = 40.0
            let value = Float((below + fraction) / Double(encoding.steps))
            let row =
                [1] + [Float](repeating: value, count: 99) + [Float](repeating: -value, count: 100)
            var ups = 0
            for stream in 0..<500 as Range<UInt64> {
                let encoded = encoding.encode(row, stream: stream)
                ups += encoded.values[1..<100].count { $0 == 41 }
                ups += encoded.values[100...].count { $0 == -41 }
                #expect(encoded.values.dropFirst().allSatisfy { [40, 41].contains(abs($0)) })
            }
            let draws = 199.0 * 500
            let exact = Double(value) / Double(encoding.encode(row).scale) - below
            let standardError = (exact * (1 - exact) * draws).squareRoot()
            #expect(abs(Double(ups) - exact * draws) < 4 * standardError)
        }
    }

    /// Roundings of the same value under neighbouring streams, and at neighbouring positions, agree
    /// no more often than chance has it.
    @Test(arguments: [UInt64(0), 1 << 31, 1 << 32, 1 << 63])
    func neighboursAreUncorrelated(offset: UInt64) {
        let row = [1] + [Float](repeating: 40.5 / 32767, count: 1000)
        var agreesWithNextStream = 0.0
        var agreesWithNextPosition = 0.0
        let streams = 1000
        for step in 0..<streams {
            let stream = offset &+ UInt64(step)
            let values = Encoding.int16Stochastic.encode(row, stream: stream).values
            let next = Encoding.int16Stochastic.encode(row, stream: stream &+ 1).values
            for position in 1..<1000 {
                agreesWithNextStream += values[position] == next[position] ? 1 : 0
                agreesWithNextPosition += values[position] == values[position + 1] ? 1 : 0
            }
        }
        let pairs = Double(streams * 999)
        // The fraction is 0.5 up to the rounding of the scale, so the chance to agree is 0.5 to
        // 1e-5.
        let allowed = 4 * (0.25 * pairs).squareRoot()
        #expect(abs(agreesWithNextStream - pairs / 2) < allowed)
        #expect(abs(agreesWithNextPosition - pairs / 2) < allowed)
    }

    @Test(arguments: [Encoding.int16Stochastic, .int8Stochastic])
    func aStreamRepeatsItselfAndDiffersFromItsNeighbour(encoding: Encoding) {
        var generator = SeededGenerator(seed: 6)
        let row = generator.row(1000)
        #expect(encoding.encode(row, stream: 5) == encoding.encode(row, stream: 5))
        #expect(encoding.encode(row, stream: 5).values != encoding.encode(row, stream: 6).values)
        #expect(
            encoding.encode(row, stream: 5).values
                != encoding.encode(row, stream: 5 | 1 << 63).values)
    }

    @Test(arguments: Encoding.allCases)
    func emptyRowsAndZeros(encoding: Encoding) {
        #expect(encoding.encode([]) == (0, []))
        #expect(encoding.encode([0, -0.0, 0]) == (0, [0, 0, 0]))
        #expect(encoding.decode((0, [0, 1, -3])) == [0, 0, 0])
    }

    @Test(arguments: Encoding.allCases)
    func whatIsNotFiniteIsWrittenAsSomethingFinite(encoding: Encoding) {
        let last = encoding.steps
        #expect(encoding.encode([.nan, 1, -1]).values == [0, last, -last])
        let huge = encoding.encode([.infinity, -.infinity, .nan, 0])
        #expect(huge.values == [last, -last, 0, 0])
        #expect(encoding.decode(huge).allSatisfy { $0.isFinite })
    }
}
