/// Reads rows from lines `id,v0,…`; the first line may name the columns instead.
final class CSVReader: RowReader {
    let dimension: Int
    var rowCount: Int? { nil }
    var byteCount: Int { lines.file.byteCount }
    var bytesRead: Int { lines.bytesRead }

    private let lines: LineReader
    private let ids: TextIDs
    private var line: [UInt8] = []
    /// Whether `line` is the first row, and not handed out yet.
    private var hasFirstRow: Bool

    init(path: String, ids: TextIDs) throws(RowFileError) {
        lines = try LineReader(path: path)
        self.ids = ids
        guard try lines.next(into: &line) else {
            throw .malformed(file: path, place: "line 1", reason: "the file is empty")
        }
        let fields = Self.fields(line)
        guard TensorRowReader.dimensionRange.contains(fields.count - 1) else {
            throw lines.malformed("\(fields.count - 1) values after the id; there are 1 to 4096")
        }
        dimension = fields.count - 1
        // Names of columns are no numbers.
        hasFirstRow = fields.dropFirst().contains { TextRows.float($0) != nil }
        if !hasFirstRow, Set(fields).count < fields.count {
            throw lines.malformed("two columns have the same name")
        }
    }

    private static func fields(_ line: [UInt8]) -> [ArraySlice<UInt8>] {
        line.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
    }

    func next(into batch: inout RowBatch, limit: Int) throws(RowFileError) -> Bool {
        batch.removeAll()
        while batch.ids.count < limit {
            if hasFirstRow {
                hasFirstRow = false
            } else {
                guard try lines.next(into: &line) else { break }
            }
            let fields = Self.fields(line)
            guard fields.count == dimension + 1 else {
                throw lines.malformed("\(fields.count - 1) values after the id, not \(dimension)")
            }
            guard fields[0].first != UInt8(ascii: "\"") else {
                throw lines.malformed("ids in quotes are not read")
            }
            batch.ids.append(try TextRows.id(fields[0], ids, lines))
            for field in fields.dropFirst() {
                try TextRows.append(field, to: &batch.values, lines)
            }
        }
        return !batch.ids.isEmpty
    }
}
