package import NIOCore

#if _endian(big)
    #error("numbers are used as they come from the wire, which is little-endian")
#endif

/// Numbers as they lie in a frame: a view on the frame's bytes, not a copy.
///
/// Nothing in a frame is aligned, so the elements are read with `loadUnaligned`. The frame's
/// storage lives as long as any view on it.
package struct WireArray<Element: BitwiseCopyable & Sendable>: Sendable {
    /// Exactly the elements, one after the other.
    package let bytes: ByteBuffer

    /// `bytes` holds whole elements.
    package init(_ bytes: ByteBuffer) {
        precondition(
            bytes.readableBytes.isMultiple(of: MemoryLayout<Element>.stride), "half an element")
        self.bytes = bytes
    }

    package var count: Int { bytes.readableBytes / MemoryLayout<Element>.stride }

    package subscript(index: Int) -> Element {
        precondition(index >= 0 && index < count, "element \(index) of \(count)")
        return withUnsafeBytes {
            $0.loadUnaligned(
                fromByteOffset: index * MemoryLayout<Element>.stride, as: Element.self)
        }
    }

    /// The elements in memory order; the pointer is good during `body` only and not aligned.
    package func withUnsafeBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        try bytes.withUnsafeReadableBytes(body)
    }

    /// A copy of the elements.
    package var array: [Element] {
        withUnsafeBytes { source in
            Array(unsafeUninitializedCapacity: count) { elements, initialized in
                UnsafeMutableRawBufferPointer(elements).copyMemory(from: source)
                initialized = source.count / MemoryLayout<Element>.stride
            }
        }
    }
}

/// Ids in a request.
package typealias WireIDs = WireArray<UInt64>
/// Gradients, rows or weights in a request; row-major where they are rows.
package typealias WireFloats = WireArray<Float>
