import CKernels

/// The rows of a push or assign by distinct key: gradients of one key summed, of assigned rows the last.
///
/// Rows that come once stay where the caller has them; only sums take memory.
struct UniqueRows: ~Copyable {
    private(set) var keys: [UInt64] = []
    private var rows: [UnsafePointer<Float>] = []
    private var sums: [UnsafeMutablePointer<Float>] = []

    enum Duplicates { case sum, last }

    /// `values` holds `keys.count` rows of `dimension` floats and must outlive this.
    init(_ keys: Keys, _ values: UnsafePointer<Float>, dimension: Int, duplicates: Duplicates, hash: KeyHash) {
        let count = keys.count
        self.keys.reserveCapacity(count)
        rows.reserveCapacity(count)
        // At most half full, so that runs of probing stay short.
        let slotCount = max(16, 1 << (Int.bitWidth - (2 * count).leadingZeroBitCount))
        let mask = slotCount - 1
        var sumOf: [Int: Int] = [:]
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: slotCount) { slots in
            slots.initialize(repeating: 0)
            for at in 0..<count {
                let key = keys[at]
                let row = values + at * dimension
                var slot = Int(truncatingIfNeeded: hash(key)) & mask
                while slots[slot] != 0, self.keys[Int(slots[slot]) - 1] != key { slot = (slot + 1) & mask }
                if slots[slot] == 0 {
                    self.keys.append(key)
                    rows.append(row)
                    slots[slot] = UInt32(truncatingIfNeeded: self.keys.count)
                    continue
                }
                let number = Int(slots[slot]) - 1
                switch duplicates {
                case .last:
                    rows[number] = row
                case .sum:
                    if sumOf[number] == nil {
                        let sum = UnsafeMutablePointer<Float>.allocate(capacity: dimension)
                        sum.update(from: rows[number], count: dimension)
                        sumOf[number] = sums.count
                        sums.append(sum)
                        rows[number] = UnsafePointer(sum)
                    }
                    tc_add(sums[sumOf[number]!], row, dimension)  // entered just above at the latest
                }
            }
        }
    }

    deinit {
        for sum in sums { sum.deallocate() }
    }

    var count: Int { keys.count }

    @inline(__always)
    func row(_ position: Int) -> UnsafePointer<Float> { rows[position] }

    /// Whether all sums are finite, as their parts are.
    func sumsAreFinite(dimension: Int) -> Bool {
        sums.allSatisfy { tc_all_finite($0, dimension) }
    }

    func withKeys<Result>(_ body: (Keys) -> Result) -> Result {
        keys.withUnsafeBytes { body(Keys($0)) }
    }
}
