/// What a network sees of an id: `hashes` universal hashes of it, each scaled to [−1, 1].
///
/// Hash `j` is `((aⱼ·id + bⱼ) mod p) mod 10⁶` (Carter and Wegman) with p = 2³¹ − 1. An id of 64
/// bits is taken as three digits below p, each with a coefficient of its own, so that every bit
/// counts: two ids agree in all hashes no more often than chance has it. Products of 31 by 22 bits
/// are below 2⁵³, and their sums do not overflow. All of it but the last step is whole numbers, and
/// that is a product and a difference, so the result is the same on every machine.
struct DeepHashEncoding: Sendable {
    /// Different values of a hash.
    static let buckets: UInt32 = 1_000_000
    static let prime: UInt32 = (1 << 31) - 1

    let hashes: Int
    private let mix: KeyHash
    /// The coefficients of the three digits, then the offsets; `hashes` of each.
    private let coefficients: [UInt32]

    init(hashes: Int, seed: UInt64) {
        self.hashes = hashes
        // Neighbouring ids would else differ by the same step in every hash.
        mix = KeyHash(salt: seed)
        let numbers = KeyHash(salt: ~seed)
        coefficients = (0..<UInt64(4 * hashes)).map {
            UInt32(numbers($0 &* 0x9E37_79B9_7F4A_7C15) % UInt64(Self.prime))
        }
    }

    /// Writes `hashes` floats.
    func encode(_ id: UInt64, into encoded: UnsafeMutablePointer<Float>) {
        let mixed = mix(id)
        let digit: UInt64 = (1 << 22) - 1
        let (low, middle, high) = (mixed & digit, (mixed >> 22) & digit, mixed >> 44)
        let prime = UInt64(Self.prime)
        let scale = 2 / Float(Self.buckets - 1)
        unsafe coefficients.withUnsafeBufferPointer { coefficients in
            for hash in 0..<hashes {
                let ofLow = unsafe UInt64(coefficients[hash]) &* low
                let ofMiddle = unsafe UInt64(coefficients[hash &+ hashes]) &* middle
                let ofHigh = unsafe UInt64(coefficients[hash &+ 2 &* hashes]) &* high
                let offset = unsafe UInt64(coefficients[hash &+ 3 &* hashes])
                var sum = ofLow &+ ofMiddle &+ ofHigh &+ offset
                // 2³¹ is 1 modulo p; after two rounds p itself is all that is left above.
                sum = (sum & prime) &+ (sum >> 31)
                sum = (sum & prime) &+ (sum >> 31)
                let rest = sum == prime ? 0 : UInt32(truncatingIfNeeded: sum)
                let bucket = Int32(truncatingIfNeeded: rest % Self.buckets)
                unsafe encoded[hash] = Float(bucket) * scale - 1
            }
        }
    }
}
