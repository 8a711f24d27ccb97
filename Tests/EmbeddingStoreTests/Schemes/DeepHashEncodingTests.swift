import Testing

@testable import EmbeddingStore

/// The hashes that a network sees of an id.
@Suite struct DeepHashEncodingTests {
    private func encode(_ id: UInt64, hashes: Int = 64, seed: UInt64 = 1) -> [Float] {
        let encoding = DeepHashEncoding(hashes: hashes, seed: seed)
        var result = [Float](repeating: .nan, count: hashes)
        result.withUnsafeMutableBufferPointer {
            unsafe encoding.encode(id, into: $0.baseAddress!)
        }
        return result
    }

    /// Worked out in Python: a table's rows come of these on every machine and in every version.
    @Test func valuesAreFixed() {
        let vectors: [(id: UInt64, buckets: [Float])] = [
            (0, [86162, 527866, 818172, 983489]),
            (1, [700615, 832115, 807520, 708999]),
            (1 << 63, [740569, 79841, 693183, 369653]),
            (.max, [920363, 669458, 288185, 539657]),
        ]
        for vector in vectors {
            let expected = vector.buckets.map { $0 * (2 / 999_999 as Float) - 1 }
            #expect(encode(vector.id, hashes: 4, seed: 7) == expected, "id \(vector.id)")
        }
    }

    @Test func hashesAreUniform() {
        let values = (0..<2000 as Range<UInt64>).flatMap { encode($0, hashes: 16) }
        let count = Double(values.count)
        let mean = values.reduce(0) { $0 + Double($1) } / count
        let variance = values.reduce(0) { $0 + Double($1) * Double($1) } / count
        // Four standard errors, of a variance of 1/3 and of one of 4/45.
        #expect(abs(mean) < 4 * (1 / (3 * count)).squareRoot())
        #expect(abs(variance - 1 / 3) < 4 * (4 / (45 * count)).squareRoot())
        #expect(values.allSatisfy { (-1...1).contains($0) })
    }

    /// One hash in a million agrees by chance; ids that differ in one bit, wherever it is, are as
    /// unlike as any.
    @Test(arguments: [0, 1, 0x0123_4567_89AB_CDEF, .max] as [UInt64])
    func everyBitCounts(id: UInt64) {
        let encoded = encode(id)
        for bit in 0..<64 {
            let other = encode(id ^ (1 << UInt64(bit)))
            let same = zip(encoded, other).count { $0 == $1 }
            #expect(same <= 1, "bit \(bit)")
            // Of independent values the mean of 64 products is below 0.2 by 4 standard errors.
            let product = zip(encoded, other).reduce(0) { $0 + Double($1.0) * Double($1.1) } / 64
            #expect(abs(product) < 0.25, "bit \(bit)")
        }
    }

    @Test func anotherSeedGivesOtherHashes() {
        let same = zip(encode(5, seed: 1), encode(5, seed: 2)).count { $0 == $1 }
        #expect(same <= 1)
    }

    /// The same in whole numbers wide enough that nothing has to be folded.
    @Test func foldingIsTheRemainder() {
        let prime = UInt64(DeepHashEncoding.prime)
        let numbers = KeyHash(salt: ~9)
        func coefficient(_ number: Int) -> UInt64 {
            numbers(UInt64(number) &* 0x9E37_79B9_7F4A_7C15) % prime
        }
        for id in [0, 77, 1 << 40, .max] as [UInt64] {
            let mixed = KeyHash(salt: 9)(id)
            let digits = [mixed & 0x3F_FFFF, mixed >> 22 & 0x3F_FFFF, mixed >> 44]
            let expected = (0..<32).map { hash in
                let sum = digits.enumerated().reduce(coefficient(hash + 96)) {
                    $0 + coefficient(hash + 32 * $1.offset) * $1.element
                }
                return Float(sum % prime % 1_000_000) * (2 / 999_999) - 1
            }
            #expect(encode(id, hashes: 32, seed: 9) == expected)
        }
    }
}
