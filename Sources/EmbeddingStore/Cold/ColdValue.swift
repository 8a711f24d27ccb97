import CKernels

/// The bytes of a row on disk.
///
/// | offset | bytes | field |
/// | --- | --- | --- |
/// | 0 | 1 | low half: precision of the row; high half: version, 0 |
/// | 1 | 1 | epoch of the frequency, modulo 256 |
/// | 2 | 2 | frequency |
/// | 4 | 0 or 4 | scale, for int16 and int8 |
/// | … | 4·s | optimizer state, float32 |
/// | … | d·e | row |
///
/// Little-endian, unaligned. RocksDB keeps a checksum over the block that the value is in.
struct ColdValue {
    static let headerBytes = 4

    let precision: Precision
    let dimension: Int
    let stateCount: Int

    private var stateOffset: Int { Self.headerBytes + precision.scaleBytes }
    private var rowOffset: Int { stateOffset + 4 * stateCount }
    var byteCount: Int { rowOffset + dimension * precision.elementBytes }

    /// Writes a hot record as this value. `scratch` holds `dimension` floats.
    func write(
        _ record: UnsafeMutableRawPointer, layout: RowLayout, meta: RowMeta, epoch: UInt32,
        stream: UInt64, scratch: UnsafeMutablePointer<Float>,
        into value: UnsafeMutableRawBufferPointer
    ) {
        unsafe value[0] = precision.rawValue
        unsafe value[1] = UInt8(truncatingIfNeeded: epoch)
        unsafe value.storeBytes(of: meta.frequency(at: epoch), toByteOffset: 2, as: UInt16.self)
        let base = value.baseAddress!  // a value has at least its header
        unsafe (base + stateOffset).copyMemory(
            from: layout.state(record), byteCount: 4 * stateCount)
        let scale: Float
        if precision == layout.precision {
            unsafe (base + rowOffset).copyMemory(
                from: layout.row(record), byteCount: layout.rowBytes)
            scale = unsafe precision.scaleBytes == 0 ? 0 : layout.scale(record)
        } else {
            unsafe layout.decode(record, into: scratch)
            scale = unsafe withAlignedRow(base + rowOffset) {
                unsafe precision.encode(scratch, into: $0, count: dimension, stream: stream)
            }
        }
        if precision.scaleBytes != 0 {
            unsafe value.storeBytes(of: scale, toByteOffset: Self.headerBytes, as: Float.self)
        }
    }

    /// Writes floats as this value, rounded to the nearest. No state, no address of it.
    func write(
        _ row: UnsafePointer<Float>, state: UnsafePointer<Float>?, frequency: UInt16,
        epoch: UInt32, into value: UnsafeMutableRawBufferPointer
    ) {
        unsafe value[0] = precision.rawValue
        unsafe value[1] = UInt8(truncatingIfNeeded: epoch)
        unsafe value.storeBytes(of: frequency, toByteOffset: 2, as: UInt16.self)
        let base = value.baseAddress!  // a value has at least its header
        if let state = unsafe state {
            unsafe (base + stateOffset).copyMemory(from: state, byteCount: 4 * stateCount)
        }
        let scale = unsafe withAlignedRow(base + rowOffset) {
            unsafe precision.encodeNearest(row, into: $0, count: dimension)
        }
        if precision.scaleBytes != 0 {
            unsafe value.storeBytes(of: scale, toByteOffset: Self.headerBytes, as: Float.self)
        }
    }

    /// Reads a parsed value as floats; returns its scale, 0 where it has none.
    func read(
        _ value: UnsafeRawBufferPointer, row: UnsafeMutablePointer<Float>,
        state: UnsafeMutablePointer<Float>?
    ) -> Float {
        let base = value.baseAddress!  // parsed, so not empty
        if let state = unsafe state {
            unsafe UnsafeMutableRawPointer(state).copyMemory(
                from: base + stateOffset, byteCount: 4 * stateCount)
        }
        return unsafe decodeRow(base, into: row)
    }

    private func decodeRow(
        _ base: UnsafeRawPointer, into row: UnsafeMutablePointer<Float>
    ) -> Float {
        let scale = unsafe precision.scaleBytes == 0 ? 0 : scale(base)
        unsafe withUnsafeTemporaryAllocation(
            byteCount: dimension * precision.elementBytes, alignment: 16
        ) { aligned in
            unsafe aligned.copyMemory(
                from: UnsafeRawBufferPointer(start: base + rowOffset, count: aligned.count))
            unsafe precision.decode(
                aligned.baseAddress!, scale: scale, into: row, count: dimension)
        }
        return scale
    }

    /// A value may begin at any address, and the kernels want their elements aligned.
    private func withAlignedRow(
        _ address: UnsafeMutableRawPointer, _ body: (UnsafeMutableRawPointer) -> Float
    ) -> Float {
        if Int(bitPattern: address) % 4 == 0 { return unsafe body(address) }
        return unsafe withUnsafeTemporaryAllocation(
            byteCount: dimension * precision.elementBytes, alignment: 16
        ) { aligned in
            let scale = unsafe body(aligned.baseAddress!)  // dimension is at least 1
            unsafe address.copyMemory(from: aligned.baseAddress!, byteCount: aligned.count)
            return scale
        }
    }

    /// Checks and reads the header of a value of a table; throws `damaged` when it cannot be one.
    static func parse(
        _ value: UnsafeRawBufferPointer, layout: RowLayout, key: UInt64, table: UInt32
    ) throws(StoreError) -> (value: ColdValue, frequency: UInt16, epoch: UInt8) {
        guard value.count >= headerBytes, unsafe value[0] >> 4 == 0,
            let precision = unsafe Precision(rawValue: value[0] & 15)
        else {
            throw .damaged("row \(key) of table \(table): unknown format")
        }
        let parsed = ColdValue(
            precision: precision, dimension: layout.dimension, stateCount: layout.stateCount)
        guard value.count == parsed.byteCount else {
            throw .damaged(
                "row \(key) of table \(table): \(value.count) bytes, not \(parsed.byteCount)")
        }
        return unsafe (parsed, value.loadUnaligned(fromByteOffset: 2, as: UInt16.self), value[1])
    }

    /// Fills everything of a hot record but its key and meta.
    func read(
        _ value: UnsafeRawBufferPointer, into record: UnsafeMutableRawPointer, layout: RowLayout,
        stream: UInt64, scratch: UnsafeMutablePointer<Float>
    ) {
        let base = value.baseAddress!  // parsed, so not empty
        unsafe UnsafeMutableRawPointer(layout.state(record)).copyMemory(
            from: base + stateOffset, byteCount: 4 * stateCount)
        if precision == layout.precision {
            unsafe layout.row(record).copyMemory(from: base + rowOffset, byteCount: layout.rowBytes)
            if precision.scaleBytes != 0 { unsafe layout.setScale(record, scale(base)) }
        } else {
            _ = unsafe decodeRow(base, into: scratch)
            unsafe layout.encode(scratch, into: record, stream: stream)
        }
    }

    /// Whether the scale of a parsed value, where it has one, is a number.
    func hasFiniteScale(_ value: UnsafeRawBufferPointer) -> Bool {
        // Parsed, so not empty.
        unsafe precision.scaleBytes == 0 || scale(value.baseAddress!).isFinite
    }

    private func scale(_ base: UnsafeRawPointer) -> Float {
        unsafe base.loadUnaligned(fromByteOffset: Self.headerBytes, as: Float.self)
    }
}
