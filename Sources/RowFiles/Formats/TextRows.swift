/// Numbers and words of lines of text.
enum TextRows {
    /// The id that a field of a line stands for.
    static func id(_ field: ArraySlice<UInt8>, _ ids: TextIDs, _ lines: LineReader)
        throws(RowFileError) -> UInt64
    {
        switch ids {
        case .strings(let space): return field.withUnsafeBytes { StringID.id(of: $0, in: space) }
        case .numbers:
            let text = String(decoding: field, as: UTF8.self)
            guard field.first.map({ (48...57).contains($0) }) == true, let id = UInt64(text) else {
                throw lines.malformed(
                    "the id \(text.prefix(40).debugDescription) is not a number in 0…2^64-1")
            }
            return id
        }
    }

    /// Appends a finite float.
    static func append(
        _ field: ArraySlice<UInt8>, to values: inout [Float], _ lines: LineReader
    ) throws(RowFileError) {
        guard let value = float(field) else {
            let text = String(decoding: field.prefix(40), as: UTF8.self)
            throw lines.malformed("\(text.debugDescription) is not a number")
        }
        guard value.isFinite else {
            throw lines.malformed("a value is \(String(decoding: field.prefix(40), as: UTF8.self))")
        }
        values.append(value)
    }

    static func float(_ field: ArraySlice<UInt8>) -> Float? {
        Float(String(decoding: field, as: UTF8.self))
    }
}

/// Writes rows as lines of text, floats with as many digits as it takes to read the same ones.
final class TextRowWriter: RowWriter {
    private let file: OutputFile
    private var section: OutputSection
    private let separator: UInt8
    private let shape: RowShape
    private var written = 0

    init(path: String, head: String, _ separator: Unicode.Scalar, _ shape: RowShape)
        throws(RowFileError)
    {
        file = try OutputFile(path: path)
        section = OutputSection(file, at: 0)
        self.separator = UInt8(ascii: separator)
        self.shape = shape
        try section.append(head.utf8)
    }

    func write(_ batch: RowBatch) throws(RowFileError) {
        var line: [UInt8] = []
        for (at, id) in batch.ids.enumerated() {
            line.removeAll(keepingCapacity: true)
            line.append(contentsOf: "\(id)".utf8)
            for value in batch.values[at * shape.dimension..<(at + 1) * shape.dimension] {
                line.append(separator)
                line.append(contentsOf: value.description.utf8)
            }
            line.append(UInt8(ascii: "\n"))
            try section.append(line)
        }
        written += batch.ids.count
    }

    func finish() throws(RowFileError) {
        precondition(written == shape.rowCount, "as many rows as were promised")
        try section.flush()
        try file.finish()
    }
}
