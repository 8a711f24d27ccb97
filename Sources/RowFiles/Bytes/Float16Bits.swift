/// IEEE binary16 as its bits, for machines on which Swift has no such type.
enum Float16Bits {
    /// The float of the same value.
    static func float(_ bits: UInt16) -> Float {
        let sign = UInt32(bits & 0x8000) << 16
        let size = UInt32(bits & 0x7FFF)
        if size >= 0x7C00 { return Float(bitPattern: sign | 0x7F80_0000 | size << 13) }
        // Read as a float the bits are 2^-112 of the value, subnormals included.
        let value = Float(bitPattern: size << 13) * 0x1p112
        return Float(bitPattern: sign | value.bitPattern)
    }

    /// The nearest, of two the even one; infinite beyond the range.
    static func bits(_ value: Float) -> UInt16 {
        let sign = UInt16(truncatingIfNeeded: value.bitPattern >> 16) & 0x8000
        let size = value.magnitude
        if !(size < 65520) { return sign | (size.isNaN ? 0x7E00 : 0x7C00) }
        // The unit of the last place: 2^-24 for subnormals, else by the exponent.
        let exponent = max(size.isZero ? -14 : Int(size.exponent), -14)
        let unit = Float(sign: .plus, exponent: exponent - 10, significand: 1)
        let places = (size / unit).rounded(.toNearestOrEven)
        // 1024 places are the first value of the exponent; a carry reaches the next by itself.
        let base = UInt32(exponent + 14) << 10
        return sign | UInt16(truncatingIfNeeded: base + UInt32(places))
    }
}
