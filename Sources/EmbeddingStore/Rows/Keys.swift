/// A borrowed run of 64-bit keys at any alignment: usually the ids inside a request, read where
/// they arrived.
@unsafe struct Keys {
    let base: UnsafeRawPointer
    let count: Int

    init(_ bytes: UnsafeRawBufferPointer) {
        // An empty buffer may have no address; nothing is read through it then.
        unsafe base = unsafe bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 8)!
        unsafe count = bytes.count / 8
    }

    @inline(__always)
    subscript(position: Int) -> UInt64 {
        unsafe base.loadUnaligned(fromByteOffset: position &* 8, as: UInt64.self)
    }

    /// A copy.
    var array: [UInt64] { (0..<(unsafe count)).map { unsafe self[$0] } }
}
