/// A click log in files that are read one after the other, line by line.
///
/// Files may be plain or gzip, and are never in memory as a whole; a log can be read any number of
/// times.
public struct ClickLog: Sendable {
    public let files: [String]
    public let schema: LogSchema
    /// Malformed lines that a reading may have; one more ends it.
    public let malformedMax: Int

    private let parser: RowParser
    /// How a header begins that is skipped where it comes; nil where each file must have one.
    private let header: Header

    private enum Header: Sendable {
        case none
        case optional(prefix: [UInt8])
        case required(line: [UInt8])
    }

    /// Finds out what the rows consist of; reads the first lines of the files, and for LIBFFM
    /// without a number of fields all of them.
    ///
    /// Throws `unreadable`, and `badInput` for a file without lines, a column that does not exist,
    /// or headers that differ.
    public init(
        files: [String], format: LogFormat, malformedMax: Int = 0
    ) throws(CTRLabError) {
        guard let first = files.first else { throw .badSettings("no file to read") }
        self.files = files
        self.malformedMax = malformedMax
        switch format {
        case .criteo:
            let numbers = (1...13).map { Field("I\($0)", .number) }
            let ids = (1...26).map { Field("C\($0)", .ids) }
            schema = LogSchema(labels: ["label"], fields: numbers + ids)
            header = .optional(prefix: Array("label\t".utf8))
            parser = .columns(
                ColumnParser(
                    columns: [.label(name: "label")] + numbers.indices.map { .number(field: $0) }
                        + ids.indices.map { .ids(field: 13 + $0) },
                    separator: ColumnParser.tab, isQuoted: false))
        case .avazu:
            schema = LogSchema(
                labels: ["click"], fields: Self.avazuFields.map { Field($0, .ids) })
            header = .optional(prefix: Array("id,click".utf8))
            parser = .columns(
                ColumnParser(
                    columns: [.ignored, .label(name: "click"), .hourOfDay(field: 0)]
                        + Self.avazuFields.indices.dropFirst().map { .ids(field: $0) },
                    separator: ColumnParser.comma, isQuoted: false))
        case .libffm(let fields):
            let count = if let fields { fields } else { try Self.fieldCount(libffm: files) }
            schema = Self.numbered(count)
            header = .none
            parser = .sparse(SparseParser(namesFields: true, fieldCount: count))
        case .libsvm(let fields):
            let count = if let fields { fields } else { try Self.fieldCount(libsvm: first) }
            schema = Self.numbered(count)
            header = .none
            parser = .sparse(SparseParser(namesFields: false, fieldCount: count))
        case .csv(let columns):
            let line = try Self.firstLine(of: first)
            header = .required(line: line)
            let parser: ColumnParser
            (parser, schema) = try Self.csv(columns, header: line, file: first)
            self.parser = .columns(parser)
        }
    }

    /// The same rows of other files.
    public func reading(_ files: [String]) -> ClickLog { ClickLog(self, files) }

    private init(_ log: ClickLog, _ files: [String]) {
        self.files = files
        schema = log.schema
        malformedMax = log.malformedMax
        parser = log.parser
        header = log.header
    }

    /// Calls `body` with every row and its number, the first being 0.
    ///
    /// - Returns: the number of rows, and the lines that were none.
    /// - Throws: what `body` throws, `unreadable`, and `badInput` when there are too many malformed
    ///   lines, or no row at all.
    @discardableResult
    public func forEachRow(
        _ body: (_ row: ClickRow, _ number: Int) throws -> Void
    ) throws -> (rows: Int, malformed: MalformedLines) {
        var malformed = MalformedLines(limit: malformedMax)
        var row = ClickRow()
        var rows = 0
        for file in files {
            let lines = try LineReader(path: file)
            while try lines.next(into: &row.bytes) {
                if lines.lineNumber == 1, try skips(row.bytes, file: file) { continue }
                do throws(MalformedLine) {
                    try parser.parse(&row)
                } catch {
                    try malformed.add(error, file: file, lineNumber: lines.lineNumber)
                    continue
                }
                try body(row, rows)
                rows += 1
            }
        }
        guard rows > 0 else {
            throw CTRLabError.badInput("\(files.joined(separator: ", ")): no rows")
        }
        return (rows, malformed)
    }

    /// Whether a file's first line is its header.
    private func skips(_ line: [UInt8], file: String) throws(CTRLabError) -> Bool {
        switch header {
        case .none: return false
        case .optional(let prefix): return line.starts(with: prefix)
        case .required(let header):
            guard line == header else {
                throw .badInput("\(file):1: not the column names of \(files[0])")
            }
            return true
        }
    }

    // MARK: What the rows consist of

    private static let avazuFields =
        ["hour", "C1", "banner_pos", "site_id", "site_domain", "site_category", "app_id"]
        + ["app_domain", "app_category", "device_id", "device_ip", "device_model", "device_type"]
        + ["device_conn_type"] + (14...21).map { "C\($0)" }

    private static func numbered(_ count: Int) -> LogSchema {
        LogSchema(labels: ["label"], fields: (0..<count).map { Field("f\($0)", .ids) })
    }

    private static func firstLine(of file: String) throws(CTRLabError) -> [UInt8] {
        var line: [UInt8] = []
        guard try LineReader(path: file).next(into: &line) else {
            throw .badInput("\(file): no rows")
        }
        return line
    }

    /// One more than the largest field; what is malformed is left to the reading.
    private static func fieldCount(libffm files: [String]) throws(CTRLabError) -> Int {
        let parser = SparseParser(namesFields: true, fieldCount: SparseParser.fieldsMax)
        var row = ClickRow()
        var largest = -1
        for file in files {
            let lines = try LineReader(path: file)
            while try lines.next(into: &row.bytes) {
                row.labels.removeAll(keepingCapacity: true)
                row.values.removeAll(keepingCapacity: true)
                guard (try? parser.parse(&row)) != nil else { continue }
                largest = max(largest, row.values.map(\.field).max() ?? -1)
            }
        }
        guard largest >= 0 else {
            throw .badInput("\(files.joined(separator: ", ")): no line of field:index:value")
        }
        return largest + 1
    }

    private static func fieldCount(libsvm file: String) throws(CTRLabError) -> Int {
        var row = ClickRow()
        row.bytes = try firstLine(of: file)
        let parser = SparseParser(namesFields: false, fieldCount: SparseParser.fieldsMax)
        // Of all the fields that there may be, those that the line does reach.
        guard (try? parser.parse(&row)) != nil,
            let count = row.values.firstIndex(where: \.isMissing), count > 0
        else {
            throw .badInput("\(file):1: not a line of label index:value …")
        }
        return count
    }

    private static func csv(
        _ columns: CSVColumns, header: [UInt8], file: String
    ) throws(CTRLabError) -> (ColumnParser, LogSchema) {
        let separators = [ColumnParser.comma, ColumnParser.tab, UInt8(ascii: ";")]
        let separator = header.first { separators.contains($0) } ?? ColumnParser.comma
        func parser(_ columns: [ColumnParser.Column]) -> ColumnParser {
            ColumnParser(columns: columns, separator: separator, isQuoted: true)
        }
        let names: [String]
        do throws(MalformedLine) {
            names = try parser([]).texts(header)
        } catch {
            throw .badInput("\(file):1: \(error.reason)")
        }
        guard Set(names).count == names.count else {
            throw .badInput("\(file):1: two columns have the same name")
        }
        let asked = columns.labels + (columns.ids ?? []) + columns.numbers + columns.ignored
        guard !columns.labels.isEmpty else { throw .badSettings("no column is the label") }
        guard Set(asked).count == asked.count else {
            throw .badSettings("a column is named for two purposes")
        }
        for name in asked where !names.contains(name) {
            throw .badInput(
                "\(file): no column \(name.debugDescription); there are "
                    + names.joined(separator: ", "))
        }
        var fields: [Field] = []
        let parsed: [ColumnParser.Column] = names.map { name in
            if columns.labels.contains(name) { return .label(name: name) }
            if columns.numbers.contains(name) {
                fields.append(Field(name, .number))
                return .number(field: fields.count - 1)
            }
            guard columns.ids?.contains(name) ?? !columns.ignored.contains(name) else {
                return .ignored
            }
            fields.append(Field(name, .ids))
            return .ids(field: fields.count - 1)
        }
        // Labels in the file's order.
        let labels = names.filter(columns.labels.contains)
        return (parser(parsed), LogSchema(labels: labels, fields: fields))
    }
}
