/// The rows of two tensors: one of ids, one of floats.
final class TensorRowReader: RowReader {
    let dimension: Int
    let rowCount: Int?
    let byteCount: Int
    private(set) var bytesRead = 0

    private let ids: TensorSection
    private let idsAreSigned: Bool
    private let rows: TensorSection
    private let element: RowElement
    private let count: Int
    private var next = 0

    static let dimensionRange = 1...4096

    /// Throws `malformed` when the shapes do not fit together.
    init(
        ids: TensorSection, isSigned: Bool, rows: TensorSection, _ element: RowElement
    ) throws(RowFileError) {
        func malformed(_ section: TensorSection, _ reason: String) -> RowFileError {
            .malformed(file: section.file.path, place: "header", reason: reason)
        }
        guard ids.shape.count == 1 else {
            throw malformed(ids, "ids have \(ids.shape.count) dimensions, not 1")
        }
        guard rows.shape.count == 2 else {
            throw malformed(rows, "rows have \(rows.shape.count) dimensions, not 2")
        }
        guard rows.shape[0] == ids.shape[0] else {
            throw malformed(rows, "\(rows.shape[0]) rows for \(ids.shape[0]) ids")
        }
        guard Self.dimensionRange.contains(rows.shape[1]) else {
            throw malformed(rows, "rows of \(rows.shape[1]) elements; there are 1 to 4096")
        }
        self.ids = ids
        idsAreSigned = isSigned
        self.rows = rows
        self.element = element
        count = ids.shape[0]
        rowCount = count
        dimension = rows.shape[1]
        byteCount = count * (8 + dimension * element.byteCount)
    }

    func next(into batch: inout RowBatch, limit: Int) throws(RowFileError) -> Bool {
        batch.removeAll()
        let range = next..<min(next + limit, count)
        guard !range.isEmpty else { return false }
        try ids.ids(range, isSigned: idsAreSigned, into: &batch.ids)
        try rows.rows(range, element, into: &batch.values)
        next = range.upperBound
        bytesRead += range.count * (8 + dimension * element.byteCount)
        return true
    }
}

/// Writes ids and rows to two runs of bytes.
struct TensorRowWriter {
    private let shape: RowShape
    private var ids: OutputSection
    private var rows: OutputSection
    private var written = 0

    init(_ shape: RowShape, ids: OutputSection, rows: OutputSection) {
        self.shape = shape
        self.ids = ids
        self.rows = rows
    }

    mutating func write(_ batch: RowBatch) throws(RowFileError) {
        written += batch.ids.count
        try ids.append(batch.ids.flatMap { id in LittleEndian.bytes(id) })
        switch shape.element {
        case .float32:
            try rows.append(batch.values.flatMap { LittleEndian.bytes($0.bitPattern) })
        case .float16:
            try rows.append(
                try batch.values.map { (value) throws(RowFileError) in
                    let bits = Float16Bits.bits(value)
                    guard bits & 0x7C00 != 0x7C00 else {
                        throw .cannotWrite("\(value) is beyond the range of float16")
                    }
                    return bits
                }.flatMap { LittleEndian.bytes($0) })
        }
    }

    mutating func finish() throws(RowFileError) {
        precondition(written == shape.rowCount, "as many rows as were promised")
        try ids.flush()
        try rows.flush()
    }
}

enum LittleEndian {
    static func bytes<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian, Array.init)
    }
}
