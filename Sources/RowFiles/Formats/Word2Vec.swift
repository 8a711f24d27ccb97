/// Reads rows from the text that word2vec writes: `n dimension`, then `word v1 … vd` for each.
final class Word2VecReader: RowReader {
    let dimension: Int
    let rowCount: Int?
    var byteCount: Int { lines.file.byteCount }
    var bytesRead: Int { lines.bytesRead }

    private let lines: LineReader
    private let ids: TextIDs
    private let count: Int
    private var read = 0
    private var line: [UInt8] = []

    init(path: String, ids: TextIDs) throws(RowFileError) {
        lines = try LineReader(path: path)
        self.ids = ids
        guard try lines.next(into: &line) else {
            throw .malformed(file: path, place: "line 1", reason: "the file is empty")
        }
        let head = line.split(separator: UInt8(ascii: " ")).map {
            Int(String(decoding: $0, as: UTF8.self))
        }
        guard head.count == 2, let count = head[0], let dimension = head[1], count >= 0,
            TensorRowReader.dimensionRange.contains(dimension)
        else {
            throw lines.malformed(
                "the first line says how many rows there are and their dimension, 1 to 4096")
        }
        self.count = count
        rowCount = count
        self.dimension = dimension
    }

    func next(into batch: inout RowBatch, limit: Int) throws(RowFileError) -> Bool {
        batch.removeAll()
        while batch.ids.count < limit, try lines.next(into: &line) {
            guard read < count else {
                throw lines.malformed("more rows than the \(count) that the first line promised")
            }
            // The original program ends each line with a space.
            if line.last == UInt8(ascii: " ") { line.removeLast() }
            let fields = line.split(
                separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            guard fields.count == dimension + 1, !fields[0].isEmpty else {
                throw lines.malformed("\(fields.count - 1) values after the word, not \(dimension)")
            }
            batch.ids.append(try TextRows.id(fields[0], ids, lines))
            for field in fields.dropFirst() {
                try TextRows.append(field, to: &batch.values, lines)
            }
            read += 1
        }
        if batch.ids.isEmpty, read < count {
            throw lines.malformed("the file ends after \(read) of \(count) rows")
        }
        return !batch.ids.isEmpty
    }
}
