import CKernels

extension Precision {
    /// Reads a row of this precision as float32.
    @inline(__always)
    func decode(
        _ row: UnsafeRawPointer, scale: Float, into output: UnsafeMutablePointer<Float>, count: Int
    ) {
        switch self {
        case .float32:
            unsafe UnsafeMutableRawPointer(output).copyMemory(from: row, byteCount: count * 4)
        case .float16:
            unsafe tc_float16_decode(row.assumingMemoryBound(to: UInt16.self), output, count)
        case .int16:
            unsafe tc_int16_decode(row.assumingMemoryBound(to: Int16.self), scale, output, count)
        case .int8:
            unsafe tc_int8_decode(row.assumingMemoryBound(to: Int8.self), scale, output, count)
        }
    }

    /// Writes a row in this precision, rounding stochastically by `stream`, and returns its scale
    /// (0 where the precision has none).
    @inline(__always)
    func encode(
        _ row: UnsafePointer<Float>, into output: UnsafeMutableRawPointer, count: Int,
        stream: UInt64
    ) -> Float {
        switch self {
        case .float32:
            unsafe output.copyMemory(from: row, byteCount: count * 4)
            return 0
        case .float16:
            unsafe tc_float16_encode_stochastic(
                row, output.assumingMemoryBound(to: UInt16.self), count, stream)
            return 0
        case .int16:
            return unsafe tc_int16_encode_stochastic(
                row, output.assumingMemoryBound(to: Int16.self), count, stream)
        case .int8:
            return unsafe tc_int8_encode_stochastic(
                row, output.assumingMemoryBound(to: Int8.self), count, stream)
        }
    }

    /// The same, rounding to the nearest: for what is written once and not again with every step.
    @inline(__always)
    func encodeNearest(
        _ row: UnsafePointer<Float>, into output: UnsafeMutableRawPointer, count: Int
    ) -> Float {
        switch self {
        case .float32:
            unsafe output.copyMemory(from: row, byteCount: count * 4)
            return 0
        case .float16:
            let halves = unsafe output.assumingMemoryBound(to: UInt16.self)
            unsafe tc_float16_encode_nearest(row, halves, count)
            for at in 0..<count where unsafe halves[at] & 0x7FFF == 0x7C00 {
                // Out of range: the largest, and not infinity.
                unsafe halves[at] -= 1
            }
            return 0
        case .int16:
            return unsafe tc_int16_encode_nearest(
                row, output.assumingMemoryBound(to: Int16.self), count)
        case .int8:
            return unsafe tc_int8_encode_nearest(
                row, output.assumingMemoryBound(to: Int8.self), count)
        }
    }
}

/// Reads and writes the row inside a hot record.
extension RowLayout {
    @inline(__always)
    static func meta(_ record: UnsafeMutableRawPointer) -> UnsafeMutablePointer<RowMeta> {
        unsafe (record + metaOffset).assumingMemoryBound(to: RowMeta.self)
    }

    @inline(__always)
    func state(_ record: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        unsafe record + stateOffset
    }

    /// Seconds since 1970 of the last use; only where it is kept.
    @inline(__always)
    func lastUse(_ record: UnsafeMutableRawPointer) -> UInt32 {
        unsafe (record + Self.lastUseOffset).load(as: UInt32.self)
    }

    @inline(__always)
    func setLastUse(_ record: UnsafeMutableRawPointer, _ time: UInt32) {
        unsafe (record + Self.lastUseOffset).storeBytes(of: time, as: UInt32.self)
    }

    @inline(__always)
    func row(_ record: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        unsafe record + rowOffset
    }

    /// The scale of a record; only for precisions that have one.
    @inline(__always)
    func scale(_ record: UnsafeMutableRawPointer) -> Float {
        unsafe (record + scaleOffset).load(as: Float.self)
    }

    @inline(__always)
    func setScale(_ record: UnsafeMutableRawPointer, _ scale: Float) {
        unsafe (record + scaleOffset).storeBytes(of: scale, as: Float.self)
    }

    @inline(__always)
    func decode(_ record: UnsafeMutableRawPointer, into output: UnsafeMutablePointer<Float>) {
        unsafe precision.decode(
            row(record), scale: precision.scaleBytes == 0 ? 0 : scale(record), into: output,
            count: dimension)
    }

    @inline(__always)
    func encode(_ row: UnsafePointer<Float>, into record: UnsafeMutableRawPointer, stream: UInt64) {
        let scale = unsafe precision.encode(
            row, into: self.row(record), count: dimension, stream: stream)
        if precision.scaleBytes != 0 { unsafe setScale(record, scale) }
    }
}
