import CKernels

/// The bytes of a row on disk.
///
/// | offset | bytes | field |
/// | --- | --- | --- |
/// | 0 | 1 | low half: precision of the row; high half: version, 0 |
/// | 1 | 1 | epoch of the frequency, modulo 256 |
/// | 2 | 2 | frequency |
/// | 4 | 0 or 4 | last use, seconds since 1970, in tables with a time to live |
/// | … | 0 or 4 | scale, for int16 and int8 |
/// | … | 2·s or 4·s | optimizer state, in the schema's precision |
/// | … | d·e | row |
///
/// Little-endian, unaligned. RocksDB keeps a checksum over the block that the value is in.
struct ColdValue {
    static let headerBytes = 4

    let precision: Precision
    private let dimension: Int
    private let stateBytes: Int
    private let scaleOffset: Int

    /// A value of the table whose hot records are laid out so.
    init(precision: Precision, layout: RowLayout) {
        self.precision = precision
        dimension = layout.dimension
        stateBytes = layout.stateBytes
        scaleOffset = Self.headerBytes + (layout.keepsLastUse ? 4 : 0)
    }

    private var stateOffset: Int { scaleOffset + precision.scaleBytes }
    private var rowOffset: Int { stateOffset + stateBytes }
    var byteCount: Int { rowOffset + dimension * precision.elementBytes }

    /// Writes a hot record as this value. `scratch` holds `dimension` floats. Returns what it cost
    /// to put the row into another precision.
    func write(
        _ record: UnsafeMutableRawPointer, layout: RowLayout, meta: RowMeta, epoch: UInt32,
        stream: UInt64, scratch: UnsafeMutablePointer<Float>,
        into value: UnsafeMutableRawBufferPointer
    ) -> RoundingStatistics {
        var rounding = RoundingStatistics()
        unsafe value[0] = precision.rawValue
        unsafe value[1] = UInt8(truncatingIfNeeded: epoch)
        unsafe value.storeBytes(of: meta.frequency(at: epoch), toByteOffset: 2, as: UInt16.self)
        let base = value.baseAddress!  // a value has at least its header
        if layout.keepsLastUse {
            unsafe value.storeBytes(
                of: layout.lastUse(record), toByteOffset: Self.headerBytes, as: UInt32.self)
        }
        unsafe (base + stateOffset).copyMemory(from: layout.state(record), byteCount: stateBytes)
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
            if precision != .float32 {
                unsafe rounding.countWrite(scratch, count: dimension, precision)
            }
        }
        if precision.scaleBytes != 0 {
            unsafe value.storeBytes(of: scale, toByteOffset: scaleOffset, as: Float.self)
        }
        return rounding
    }

    /// Writes floats as this value, rounded to the nearest. Without state no address of it.
    func write(
        _ row: UnsafePointer<Float>, state: UnsafePointer<Float>?, rule: StepRule,
        frequency: UInt16, epoch: UInt32, lastUse: UInt32,
        into value: UnsafeMutableRawBufferPointer
    ) {
        unsafe value[0] = precision.rawValue
        unsafe value[1] = UInt8(truncatingIfNeeded: epoch)
        unsafe value.storeBytes(of: frequency, toByteOffset: 2, as: UInt16.self)
        if scaleOffset != Self.headerBytes {
            unsafe value.storeBytes(of: lastUse, toByteOffset: Self.headerBytes, as: UInt32.self)
        }
        let base = value.baseAddress!  // a value has at least its header
        if let state = unsafe state, stateBytes > 0 {
            unsafe withAlignedState { aligned in
                unsafe rule.write(state, into: aligned)
                unsafe (base + stateOffset).copyMemory(from: aligned, byteCount: stateBytes)
            }
        }
        let scale = unsafe withAlignedRow(base + rowOffset) {
            unsafe precision.encodeNearest(row, into: $0, count: dimension)
        }
        if precision.scaleBytes != 0 {
            unsafe value.storeBytes(of: scale, toByteOffset: scaleOffset, as: Float.self)
        }
    }

    /// Reads a parsed value as floats; returns its scale, 0 where it has none.
    func read(
        _ value: UnsafeRawBufferPointer, row: UnsafeMutablePointer<Float>,
        state: UnsafeMutablePointer<Float>?, rule: StepRule
    ) -> Float {
        let base = value.baseAddress!  // parsed, so not empty
        if let state = unsafe state, stateBytes > 0 {
            unsafe withAlignedState { aligned in
                unsafe aligned.copyMemory(from: base + stateOffset, byteCount: stateBytes)
                unsafe rule.read(aligned, into: state)
            }
        }
        return unsafe decodeRow(base, into: row)
    }

    /// Memory for the state as it is kept, which may lie at any address in a value.
    private func withAlignedState(_ body: (UnsafeMutableRawPointer) -> Void) {
        unsafe withUnsafeTemporaryAllocation(byteCount: stateBytes, alignment: 4) {
            unsafe body($0.baseAddress!)  // there is state
        }
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
        let parsed = ColdValue(precision: precision, layout: layout)
        guard value.count == parsed.byteCount else {
            throw .damaged(
                "row \(key) of table \(table): \(value.count) bytes, not \(parsed.byteCount)")
        }
        return unsafe (parsed, value.loadUnaligned(fromByteOffset: 2, as: UInt16.self), value[1])
    }

    /// Seconds since 1970 of the last use of a parsed value; 0 where it is not kept.
    func lastUse(_ value: UnsafeRawBufferPointer) -> UInt32 {
        scaleOffset == Self.headerBytes
            ? 0 : unsafe value.loadUnaligned(fromByteOffset: Self.headerBytes, as: UInt32.self)
    }

    /// Fills everything of a hot record but its key and meta.
    func read(
        _ value: UnsafeRawBufferPointer, into record: UnsafeMutableRawPointer, layout: RowLayout,
        stream: UInt64, scratch: UnsafeMutablePointer<Float>
    ) {
        let base = value.baseAddress!  // parsed, so not empty
        if layout.keepsLastUse { unsafe layout.setLastUse(record, lastUse(value)) }
        unsafe layout.state(record).copyMemory(from: base + stateOffset, byteCount: stateBytes)
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
        unsafe base.loadUnaligned(fromByteOffset: scaleOffset, as: Float.self)
    }
}
