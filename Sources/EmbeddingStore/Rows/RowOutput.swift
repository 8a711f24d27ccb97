import CKernels

/// Where the rows of one reply go, borrowed from the caller for the time of a call.
///
/// The memory holds `format.byteCount(rows: count, dimension:)` bytes, aligned to 4.
@unsafe public struct RowOutput: @unchecked Sendable {
    // A borrowed address: whoever passes it on keeps the memory alive.
    let base: UnsafeMutableRawPointer
    let format: RowFormat
    let count: Int
    let dimension: Int

    public init(
        _ bytes: UnsafeMutableRawBufferPointer, format: RowFormat, rows: Int, dimension: Int
    ) {
        precondition(bytes.count == format.byteCount(rows: rows, dimension: dimension))
        // Nothing is written through the address of an empty buffer.
        unsafe base = unsafe bytes.baseAddress ?? UnsafeMutableRawPointer(bitPattern: 16)!
        unsafe precondition(
            Int(bitPattern: base) % 4 == 0, "rows are written to memory aligned to 4")
        unsafe self.format = format
        unsafe count = rows
        unsafe self.dimension = dimension
    }

    /// Writes a row of float32.
    @inline(__always)
    func write(_ row: UnsafePointer<Float>, at position: Int) {
        switch unsafe format {
        case .float32:
            unsafe float32(position).update(from: row, count: dimension)
        case .float16:
            unsafe tc_float16_encode_nearest(
                row, (base + position * dimension * 2).assumingMemoryBound(to: UInt16.self),
                dimension)
        case .int16:
            let scales = unsafe base.assumingMemoryBound(to: Float.self)
            let rows = unsafe (base + 4 * count).assumingMemoryBound(to: Int16.self)
            unsafe scales[position] = unsafe tc_int16_encode_nearest(
                row, rows + position * dimension, dimension)
        }
    }

    @inline(__always)
    func float32(_ position: Int) -> UnsafeMutablePointer<Float> {
        unsafe (base + position &* dimension &* 4).assumingMemoryBound(to: Float.self)
    }
}
