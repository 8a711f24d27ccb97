internal import Foundation

/// JSON as commands print it, keys in a fixed order.
enum JSONText {
    /// One value a line.
    static func of(_ value: some Encodable) throws -> String {
        try text(value, [.prettyPrinted])
    }

    /// All in one line, as many go into one file.
    static func line(of value: some Encodable) throws -> String {
        try text(value, [])
    }

    private static func text(
        _ value: some Encodable, _ formatting: JSONEncoder.OutputFormatting
    ) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = formatting.union([.sortedKeys, .withoutEscapingSlashes])
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
