/// Keys with the bytes that the cold tier has, or shall have, for each; a key without a value is
/// absent, or shall be deleted.
struct ColdRows {
    private(set) var keys: [UInt64] = []
    private var bytes: [UInt8] = []
    /// Where each value ends in `bytes`; one that ends where it starts is no value (a value is
    /// never empty).
    private var ends: [Int] = []

    init(reservingRows rows: Int = 0, bytesPerRow: Int = 0) {
        keys.reserveCapacity(rows)
        ends.reserveCapacity(rows)
        bytes.reserveCapacity(rows * bytesPerRow)
    }

    var count: Int { keys.count }
    var valueBytes: Int { bytes.count }
    var hasValues: Bool { !bytes.isEmpty }

    mutating func append(_ key: UInt64, _ value: UnsafeRawBufferPointer?) {
        keys.append(key)
        if let value = unsafe value { unsafe bytes.append(contentsOf: value) }
        ends.append(bytes.count)
    }

    /// Adds a value of `byteCount` bytes that `fill` writes.
    mutating func append(
        _ key: UInt64, byteCount: Int, fill: (UnsafeMutableRawBufferPointer) -> Void
    ) {
        keys.append(key)
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: byteCount))
        unsafe bytes.withUnsafeMutableBytes {
            unsafe fill(UnsafeMutableRawBufferPointer(rebasing: $0[start...]))
        }
        ends.append(bytes.count)
    }

    /// Calls `body` with the value at `position`, nil for none.
    @inline(__always)
    func withValue<Result, Failure: Error>(
        at position: Int, _ body: (UnsafeRawBufferPointer?) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let start = position == 0 ? 0 : ends[position - 1]
        let end = ends[position]
        return try unsafe bytes.withBytes { (all) throws(Failure) -> Result in
            try unsafe body(start == end ? nil : UnsafeRawBufferPointer(rebasing: all[start..<end]))
        }
    }

    /// The same rows in ascending order of key, of those with one key only the last.
    func lastOfEachKey() -> ColdRows {
        let order = keys.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }
        var unique = ColdRows(
            reservingRows: count, bytesPerRow: count == 0 ? 0 : valueBytes / count)
        for (place, at) in order.enumerated()
        where place + 1 == order.count || keys[order[place + 1]] != keys[at] {
            unsafe withValue(at: at) { unsafe unique.append(keys[at], $0) }
        }
        return unique
    }

    /// Positions in ascending order of key.
    func sortedPositions() -> [Int] {
        keys.indices.sorted { keys[$0] < keys[$1] }
    }
}
