extension RowsLayout {
    /// The rows at the front of `bytes` as float32, row-major.
    ///
    /// - Parameter bytes: at least ``rowBytes``; not aligned.
    package func decodeRows(_ bytes: UnsafeRawBufferPointer) -> [Float] {
        let valueCount = rows * dimension
        return Array(unsafeUninitializedCapacity: valueCount) { values, initialized in
            switch format {
            case .float32:
                UnsafeMutableRawBufferPointer(values).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: bytes[..<rowBytes]))
            case .float16:
                for index in 0..<valueCount {
                    let half = bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
                    values.initializeElement(at: index, to: Float(halfBitPattern: half))
                }
            case .int16:
                decodeInt16(bytes, into: values)
            }
            initialized = valueCount
        }
    }

    /// For each id whether it has a row.
    ///
    /// - Parameter bytes: at least ``byteCount``, which end with the found bits.
    package func decodeFound(_ bytes: UnsafeRawBufferPointer) -> [Bool] {
        (0..<rows).map { row in bytes[rowBytes + row / 8] >> UInt8(row % 8) & 1 == 1 }
    }

    private func decodeInt16(
        _ bytes: UnsafeRawBufferPointer, into values: UnsafeMutableBufferPointer<Float>
    ) {
        let integers = UnsafeRawBufferPointer(rebasing: bytes[(4 * rows)...])
        for row in 0..<rows {
            let scale = bytes.loadUnaligned(fromByteOffset: 4 * row, as: Float.self)
            for index in row * dimension..<(row + 1) * dimension {
                let integer = integers.loadUnaligned(fromByteOffset: 2 * index, as: Int16.self)
                values.initializeElement(at: index, to: scale * Float(integer))
            }
        }
    }
}

extension Float {
    /// The value of an IEEE 754 binary16.
    ///
    /// Written with integers and one product, because `Float16` converts by a library call for
    /// each value where the compiler must not assume F16C; this can be vectorized.
    init(halfBitPattern half: UInt16) {
        let magnitude = UInt32(half & 0x7FFF) << 13
        let sign = UInt32(half & 0x8000) << 16
        // Moves the exponent from binary16's bias of 15 to 127; subnormals come out exact.
        let rebias = Float(sign: .plus, exponent: 112, significand: 1)
        let finite = (Float(bitPattern: magnitude) * rebias).bitPattern
        let special = magnitude | 0x7F80_0000
        let bits = magnitude < 0x0F80_0000 ? finite : special
        self.init(bitPattern: sign | bits)
    }
}
