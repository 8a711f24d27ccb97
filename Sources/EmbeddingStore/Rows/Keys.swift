/// A borrowed run of 64-bit keys at any alignment: usually the ids inside a request, read where they arrived.
struct Keys {
    let base: UnsafeRawPointer
    let count: Int

    init(_ bytes: UnsafeRawBufferPointer) {
        // An empty buffer may have no address; nothing is read through it then.
        base = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 8)!
        count = bytes.count / 8
    }

    @inline(__always)
    subscript(position: Int) -> UInt64 {
        base.loadUnaligned(fromByteOffset: position &* 8, as: UInt64.self)
    }
}
