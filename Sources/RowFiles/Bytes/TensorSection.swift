/// Where the elements of one tensor lie in a file.
struct TensorSection {
    let file: InputFile
    let offset: Int
    let shape: [Int]

    var elementCount: Int { shape.reduce(1, *) }

    /// Ids from element `start` on.
    ///
    /// - Parameter isSigned: whether they are int64, of which negative ones are refused.
    func ids(_ range: Range<Int>, isSigned: Bool, into ids: inout [UInt64]) throws(RowFileError) {
        let bytes = try file.read(count: 8 * range.count, at: offset + 8 * range.lowerBound)
        bytes.withUnsafeBytes { bytes in
            for at in 0..<range.count {
                ids.append(
                    UInt64(
                        littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * at, as: UInt64.self)))
            }
        }
        if isSigned, let at = ids.suffix(range.count).firstIndex(where: { $0 >> 63 == 1 }) {
            let row = range.lowerBound + at - (ids.count - range.count)
            throw .malformed(
                file: file.path, place: "row \(row)",
                reason: "the id \(Int64(bitPattern: ids[at])) is negative")
        }
    }

    /// Rows of a tensor of two dimensions. Throws `malformed` for one that is not finite.
    func rows(
        _ range: Range<Int>, _ element: RowElement, into values: inout [Float]
    ) throws(RowFileError) {
        let dimension = shape[1]
        let stride = dimension * element.byteCount
        let bytes = try file.read(
            count: range.count * stride, at: offset + range.lowerBound * stride)
        let first = values.count
        bytes.withUnsafeBytes { bytes in
            for at in 0..<range.count * dimension {
                switch element {
                case .float32:
                    let bits = bytes.loadUnaligned(fromByteOffset: 4 * at, as: UInt32.self)
                    values.append(Float(bitPattern: UInt32(littleEndian: bits)))
                case .float16:
                    let bits = bytes.loadUnaligned(fromByteOffset: 2 * at, as: UInt16.self)
                    values.append(Float16Bits.float(UInt16(littleEndian: bits)))
                }
            }
        }
        if let at = values[first...].firstIndex(where: { !$0.isFinite }) {
            let row = range.lowerBound + (at - first) / dimension
            throw .malformed(
                file: file.path, place: "row \(row)",
                reason: "element \((at - first) % dimension) is \(values[at])")
        }
    }
}
