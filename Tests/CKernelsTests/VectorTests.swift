import CKernels
import Testing

struct VectorTests {
    @Test(arguments: [0, 1, 15, 16, 17, 64, 100])
    func elementByElement(count: Int) {
        var generator = SeededGenerator(seed: UInt64(count))
        let left = generator.row(count)
        let right = generator.row(count)

        var sum = left
        tc_add(&sum, right, count)
        #expect(sum == zip(left, right).map { $0 + $1 })

        var weighted = left
        tc_add_scaled(&weighted, right, count, 0.3)
        #expect(weighted == zip(left, right).map { $0 + Float(0.3) * $1 })

        var scaled = left
        tc_scale(&scaled, count, 0.3)
        #expect(scaled == left.map { $0 * 0.3 })

        var largest = left
        tc_max(&largest, right, count)
        #expect(largest == zip(left, right).map { Swift.max($0, $1) })

        var squares = left
        tc_square(&squares, count)
        #expect(squares == left.map { $0 * $0 })
        tc_square_root(&squares, count)
        #expect(squares == left.map { abs($0) })
    }

    @Test(arguments: [0, 1, 15, 16, 17, 64, 100])
    func lossesAreCounted(count: Int) {
        var generator = SeededGenerator(seed: UInt64(count))
        let before = generator.row(count)
        var stepped = generator.row(count).map { $0 * 2 }
        var stored = generator.row(count)
        for at in 0..<count where at % 3 == 0 { stored[at] = before[at] }
        for at in 0..<count where at % 5 == 0 { stepped[at] = before[at] }
        for at in 0..<count where at % 7 == 6 { stepped[at] = [.nan, .infinity, -1.5][at / 7 % 3] }
        let losses = tc_count_losses(before, stepped, stored, count, 1.25)
        #expect(losses.clipped == stepped.count { !(abs($0) <= 1.25) })
        #expect(losses.moved == zip(stepped, before).count { $0 != $1 })
        #expect(
            losses.vanished
                == (0..<count).count { stepped[$0] != before[$0] && stored[$0] == before[$0] })
    }

    @Test func addScaledRoundsTheProductFirst() {
        // Fused, the sum would keep the product's last bits: 2^-46.
        var sum: [Float] = [-1]
        tc_add_scaled(&sum, [1 + 0x1p-23], 1, 1 - 0x1p-23)
        #expect(sum == [0])
    }

    @Test(arguments: [Float.nan, .signalingNaN, .infinity, -.infinity])
    func oneElementThatIsNotFiniteIsFoundAnywhere(element: Float) {
        for count in 1...70 {
            var row = [Float](repeating: -.greatestFiniteMagnitude, count: count)
            #expect(tc_all_finite(row, count))
            for position in 0..<count {
                row[position] = element
                #expect(!tc_all_finite(row, count))
                #expect(tc_all_finite(row, position))
                row[position] = .leastNonzeroMagnitude
            }
        }
        #expect(tc_all_finite([], 0))
    }
}
