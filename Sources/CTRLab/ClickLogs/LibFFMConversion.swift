/// Writes a click log as LIBFFM: `label field:index:value …`.
///
/// Fields are numbered as in the schema, features in the order in which they come, from 0, because
/// programs for this format make an array as long as the largest index. A field of numbers has one
/// index, and its value is the number. A missing value is left out.
public struct LibFFMConversion: Sendable {
    /// What was written.
    public struct Summary: Sendable, Hashable, Codable {
        public var rows: Int
        public var fields: Int
        public var features: Int
        public var malformedLines: Int
    }

    private let log: ClickLog

    /// Throws `badSettings` for a log with several labels, which the format cannot hold.
    public init(_ log: ClickLog) throws(CTRLabError) {
        guard log.schema.labels.count == 1 else {
            throw .badSettings("a LIBFFM file has one label, not \(log.schema.labels.count)")
        }
        self.log = log
    }

    /// Throws as the reading does, and `cannotWrite`; there is no file then.
    ///
    /// - Parameter report: is called with the rows so far, every 65536 rows.
    /// - Returns: what was written, and the malformed lines.
    public func write(
        to path: String, report: (Int) -> Void = { _ in }
    ) throws -> (summary: Summary, malformed: MalformedLines) {
        let file = try TextFile(path: path)
        var indices: [Feature: Int] = [:]
        var line: [UInt8] = []
        let reading = try log.forEachRow { row, number in
            line.removeAll(keepingCapacity: true)
            line.append(row.labels[0] > 0.5 ? UInt8(ascii: "1") : UInt8(ascii: "0"))
            for value in row.values where !value.isMissing {
                let isNumber = log.schema.fields[value.field].kind == .number
                let feature = Feature(
                    field: value.field, text: isNumber ? [] : Array(row.bytes[value.text]))
                let known = indices[feature]
                let index = known ?? indices.count
                if known == nil { indices[feature] = index }
                line.append(contentsOf: " \(value.field):\(index):".utf8)
                line.append(contentsOf: Self.text(value.number).utf8)
            }
            line.append(UInt8(ascii: "\n"))
            try file.write(line)
            if number & 0xFFFF == 0xFFFF { report(number + 1) }
        }
        try file.finish()
        let summary = Summary(
            rows: reading.rows, fields: log.schema.fields.count, features: indices.count,
            malformedLines: reading.malformed.count)
        return (summary, reading.malformed)
    }

    private struct Feature: Hashable {
        var field: Int
        var text: [UInt8]
    }

    /// The shortest text that reads as `number`.
    private static func text(_ number: Float) -> String {
        number == number.rounded() && abs(number) < 1e7 ? "\(Int(number))" : "\(number)"
    }
}
