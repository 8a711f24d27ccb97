/// `withUnsafeBytes` of the standard library throws any error; these keep its type.
extension Array {
    @inline(__always)
    func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe withUnsafeBufferPointer { (elements) throws(Failure) in
            try unsafe body(UnsafeRawBufferPointer(elements))
        }
    }

    @inline(__always)
    mutating func withMutableBytes<Result, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe withUnsafeMutableBufferPointer { (elements) throws(Failure) in
            try unsafe body(UnsafeMutableRawBufferPointer(elements))
        }
    }
}

/// Numbers in bytes, little-endian, at any alignment.
extension Array where Element == UInt8 {
    mutating func append<Number: FixedWidthInteger>(littleEndian number: Number) {
        unsafe Swift.withUnsafeBytes(of: number.littleEndian) { unsafe append(contentsOf: $0) }
    }

    /// The number at an offset; all of its bytes must be there.
    func littleEndian<Number: FixedWidthInteger>(at offset: Int) -> Number {
        precondition(offset >= 0 && offset + MemoryLayout<Number>.size <= count)
        return unsafe withBytes {
            unsafe Number(
                littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self))
        }
    }
}
