/// Lines of columns that are told apart by their place.
struct ColumnParser: Sendable {
    enum Column: Sendable, Hashable {
        case label(name: String)
        case ids(field: Int)
        case number(field: Int)
        /// The last two digits of YYMMDDHH.
        case hourOfDay(field: Int)
        case ignored
    }

    let columns: [Column]
    let separator: UInt8
    /// Whether values may stand in double quotes.
    let isQuoted: Bool

    static let tab = UInt8(ascii: "\t")
    static let comma = UInt8(ascii: ",")
    private static let quote = UInt8(ascii: "\"")

    func parse(_ row: inout ClickRow) throws(MalformedLine) {
        var next = 0
        var index = 0
        while next <= row.bytes.count {
            guard index < columns.count else { break }
            let range = try column(&row.bytes, from: &next)
            try take(range, as: columns[index], into: &row)
            index += 1
        }
        guard index == columns.count, next == row.bytes.count + 1 else {
            let separators = row.bytes.count { $0 == separator }
            throw MalformedLine(
                reason: "\(separators + 1) columns instead of \(columns.count)")
        }
    }

    private func take(
        _ range: Range<Int>, as column: Column, into row: inout ClickRow
    ) throws(MalformedLine) {
        switch column {
        case .label(let name):
            row.labels.append(try row.label(in: range, signed: false, name))
        case .ids(let field):
            row.values.append(.init(field: field, text: range, number: 1))
        case .number(let field):
            let number =
                range.isEmpty ? 0 : try row.number(in: range, "the value of field \(field + 1)")
            row.values.append(.init(field: field, text: range, number: number))
        case .hourOfDay(let field):
            row.values.append(.init(field: field, text: range.suffix(2), number: 1))
        case .ignored:
            break
        }
    }

    /// The column that begins at `next`, and moves `next` behind the separator after it; behind
    /// the line's end plus one after the last column.
    private func column(
        _ bytes: inout [UInt8], from next: inout Int
    ) throws(MalformedLine) -> Range<Int> {
        let start = next
        if isQuoted, start < bytes.count, bytes[start] == Self.quote {
            return try quotedColumn(&bytes, from: &next)
        }
        while next < bytes.count, bytes[next] != separator { next += 1 }
        defer { next += 1 }
        return start..<next
    }

    /// Two quotes in a quoted value mean one: the value is drawn together where it stands.
    private func quotedColumn(
        _ bytes: inout [UInt8], from next: inout Int
    ) throws(MalformedLine) -> Range<Int> {
        let start = next
        var end = start
        next += 1
        while next < bytes.count {
            if bytes[next] == Self.quote {
                next += 1
                guard next < bytes.count, bytes[next] == Self.quote else {
                    guard next == bytes.count || bytes[next] == separator else {
                        throw MalformedLine(reason: "text after a closing quote")
                    }
                    next += 1
                    return start..<end
                }
            }
            bytes[end] = bytes[next]
            end += 1
            next += 1
        }
        throw MalformedLine(reason: "a quote is not closed")
    }

    /// The values of a line, for a header.
    func texts(_ line: [UInt8]) throws(MalformedLine) -> [String] {
        var bytes = line
        var texts: [String] = []
        var next = 0
        while next <= line.count {
            let range = try column(&bytes, from: &next)
            texts.append(String(decoding: bytes[range], as: UTF8.self))
        }
        return texts
    }
}
