internal import CLZ4

/// One block of the LZ4 block format, without a frame.
enum LZ4Block {
    /// The block that `bytes` compress to, nil unless it is shorter than they are.
    static func compressed(_ bytes: [UInt8]) -> [UInt8]? {
        var block = [UInt8](repeating: 0, count: bytes.count)
        let count = unsafe block.withUnsafeMutableBufferPointer { block in
            unsafe bytes.withUnsafeBufferPointer { bytes in
                // Elements of one byte, whatever their sign.
                unsafe LZ4_compress_default(
                    UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self),
                    UnsafeMutableRawPointer(block.baseAddress)?.assumingMemoryBound(
                        to: CChar.self),
                    Int32(bytes.count), Int32(max(0, block.count - 1)))
            }
        }
        // 0: it does not fit.
        return count > 0 ? Array(block.prefix(Int(count))) : nil
    }

    /// Fills `output` with what a block holds; false for one that is none, or of another size.
    static func decompress(
        _ block: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) -> Bool {
        let count = unsafe LZ4_decompress_safe(
            block.baseAddress?.assumingMemoryBound(to: CChar.self),
            output.baseAddress?.assumingMemoryBound(to: CChar.self),
            Int32(block.count), Int32(output.count))
        return Int(count) == output.count
    }
}
