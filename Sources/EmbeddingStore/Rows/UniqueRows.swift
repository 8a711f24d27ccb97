import CKernels

/// The rows of a push or assign by distinct key: gradients of one key summed, of assigned rows the
/// last.
///
/// Rows that come once stay where the caller has them; only sums take memory.
@safe struct UniqueRows: ~Copyable {
    private(set) var keys: [UInt64] = []
    private var rows: [UnsafePointer<Float>] = unsafe []
    private var sums: [UnsafeMutablePointer<Float>] = unsafe []

    enum Duplicates { case sum, last }

    /// `values` holds rows of `dimension` floats, for each key one or that which `sources` says, and
    /// must outlive this.
    init(
        _ keys: Keys, _ values: UnsafePointer<Float>, sources: [UInt32]? = nil, dimension: Int,
        duplicates: Duplicates, hash: KeyHash
    ) {
        let count = unsafe keys.count
        self.keys.reserveCapacity(count)
        unsafe rows.reserveCapacity(count)
        // At most half full, so that runs of probing stay short.
        let slotCount = max(16, 1 << (Int.bitWidth - (2 * count).leadingZeroBitCount))
        let mask = slotCount - 1
        var sumOf: [Int: Int] = [:]
        unsafe withUnsafeTemporaryAllocation(of: UInt32.self, capacity: slotCount) { slots in
            unsafe slots.initialize(repeating: 0)
            for at in 0..<count {
                let key = unsafe keys[at]
                let row = unsafe values + (sources.map { Int($0[at]) } ?? at) * dimension
                var slot = Int(truncatingIfNeeded: hash(key)) & mask
                while unsafe slots[slot] != 0, unsafe self.keys[Int(slots[slot]) - 1] != key {
                    slot = (slot + 1) & mask
                }
                if unsafe slots[slot] == 0 {
                    self.keys.append(key)
                    unsafe rows.append(row)
                    unsafe slots[slot] = UInt32(truncatingIfNeeded: self.keys.count)
                    continue
                }
                let number = unsafe Int(slots[slot]) - 1
                switch duplicates {
                case .last:
                    unsafe rows[number] = unsafe row
                case .sum:
                    if sumOf[number] == nil {
                        let sum = UnsafeMutablePointer<Float>.allocate(capacity: dimension)
                        unsafe sum.update(from: rows[number], count: dimension)
                        sumOf[number] = unsafe sums.count
                        unsafe sums.append(sum)
                        unsafe rows[number] = unsafe UnsafePointer(sum)
                    }
                    // Entered just above at the latest.
                    unsafe tc_add(sums[sumOf[number]!], row, dimension)
                }
            }
        }
    }

    deinit {
        unsafe sums.forEach { unsafe $0.deallocate() }
    }

    var count: Int { keys.count }

    @inline(__always)
    func row(_ position: Int) -> UnsafePointer<Float> { unsafe rows[position] }

    /// Whether all sums are finite, as their parts are.
    func sumsAreFinite(dimension: Int) -> Bool {
        unsafe sums.allSatisfy { unsafe tc_all_finite($0, dimension) }
    }

    func withKeys<Result>(_ body: (Keys) -> Result) -> Result {
        unsafe keys.withUnsafeBytes { unsafe body(Keys($0)) }
    }
}
