/// Which of a pull's rows exist: bit `i mod 8` of byte `i / 8`, cleared beforehand by the caller.
@unsafe public struct FoundBits: @unchecked Sendable {
    // A borrowed address: whoever passes it on keeps the memory alive.
    private let base: UnsafeMutablePointer<UInt8>

    /// `bytes` holds at least ⌈n/8⌉ bytes.
    public init(_ bytes: UnsafeMutableRawBufferPointer) {
        // Nothing is written through the address of an empty buffer.
        unsafe base =
            unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            ?? UnsafeMutablePointer(bitPattern: 16)!
    }

    @inline(__always)
    func set(_ position: Int) {
        unsafe base[position >> 3] |= 1 << UInt8(truncatingIfNeeded: position & 7)
    }
}
