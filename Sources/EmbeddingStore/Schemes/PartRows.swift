/// Rows on their way to being combined, float32[count][dimension].
@safe final class PartRows {
    private let count: Int
    private let dimension: Int
    private let values: UnsafeMutableBufferPointer<Float>
    private var found: [UInt8]

    init(count: Int, dimension: Int) {
        self.count = count
        self.dimension = dimension
        // An allocation of nothing has an address too.
        unsafe values = .allocate(capacity: max(count * dimension, 1))
        found = [UInt8](repeating: 0, count: (count + 7) / 8)
    }

    deinit { unsafe values.deallocate() }

    var output: RowOutput {
        unsafe RowOutput(
            UnsafeMutableRawBufferPointer(
                start: values.baseAddress, count: count * dimension * 4),
            format: .float32, rows: count, dimension: dimension)
    }

    @inline(__always)
    func row(_ number: Int) -> UnsafeMutablePointer<Float> {
        // Allocated above.
        unsafe values.baseAddress! + number * dimension
    }

    /// Fetches a row for each of `keys`, from wherever it is. Blocks on I/O. `endsHolds` where a pull
    /// has asked for them.
    func pullCold(
        _ keys: [UInt64], from rows: RowStore, create: Bool, endsHolds: Bool
    ) throws(StoreError) {
        let all = keys.indices.map { UInt32(truncatingIfNeeded: $0) }
        let output = unsafe output
        try unsafe found.withMutableBytes { (found) throws(StoreError) in
            try unsafe keys.withBytes { (keys) throws(StoreError) in
                try unsafe rows.pullCold(
                    Keys(keys), missing: all, create: create, into: output,
                    found: FoundBits(found), endsHolds: endsHolds)
            }
        }
    }

    /// The same, with what they would start as in place of rows that do not exist; makes none.
    func readCold(_ keys: [UInt64], from rows: RowStore) throws(StoreError) {
        try pullCold(keys, from: rows, create: false, endsHolds: false)
        for (at, key) in keys.enumerated() where !isFound(at) {
            unsafe rows.readStart(of: key, into: row(at))
        }
    }

    /// Whether a row that `pullCold` was to fetch exists.
    func isFound(_ number: Int) -> Bool { found[number / 8] >> UInt8(number % 8) & 1 == 1 }
}
