/// Reads the ids of a text file one batch after the other: a decimal number on each line, of which
/// what follows a comma, a tab or a space does not count. The file is never in memory as a whole.
public final class IDReader {
    private let lines: LineReader
    private var line: [UInt8] = []

    /// Throws ``RowFileError`` `unreadable`.
    public init(path: String) throws(RowFileError) {
        lines = try LineReader(path: path)
    }

    /// Bytes of the file, and how many of them have been read.
    public var byteCount: Int { lines.file.byteCount }
    public var bytesRead: Int { lines.bytesRead }

    /// Reads up to `limit` ids into `ids`, in place of what is there; false after the last. Lines
    /// without anything are passed over.
    ///
    /// Throws ``RowFileError`` `malformed`, with the line, or `unreadable`.
    public func next(into ids: inout [UInt64], limit: Int) throws(RowFileError) -> Bool {
        ids.removeAll(keepingCapacity: true)
        while ids.count < limit, try lines.next(into: &line) {
            guard
                let field = line.split(maxSplits: 1, whereSeparator: Self.separators.contains).first
            else { continue }
            ids.append(try TextRows.id(field, .numbers, lines))
        }
        return !ids.isEmpty
    }

    private static let separators = ", \t".utf8.map { $0 }
}
