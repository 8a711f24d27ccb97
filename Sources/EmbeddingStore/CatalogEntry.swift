internal import Foundation

/// A table as the catalog of the cold tier keeps it: `table/<number>` and, as JSON, name and
/// schema.
struct CatalogEntry {
    let number: UInt32
    let name: String
    let schema: TableSchema

    private struct Body: Codable {
        var name: String
        var schema: TableSchema
    }

    static func record(_ number: UInt32) -> String { "table/\(number)" }

    var record: String { Self.record(number) }

    /// The record of the number that the next table gets, in decimal.
    static let nextNumberRecord = "next-table"

    static func bytes(nextNumber: UInt32) -> [UInt8] { Array("\(nextNumber)".utf8) }

    static func nextNumber(_ bytes: [UInt8]) throws(StoreError) -> UInt32 {
        guard let number = UInt32(String(decoding: bytes, as: UTF8.self)) else {
            throw .damaged("catalog record '\(nextNumberRecord)' is no number")
        }
        return number
    }

    init(number: UInt32, name: String, schema: TableSchema) {
        self.number = number
        self.name = name
        self.schema = schema
    }

    /// Throws `damaged` for what no table was ever stored as.
    init(record: String, bytes: [UInt8]) throws(StoreError) {
        guard record.hasPrefix("table/"), let number = UInt32(record.dropFirst(6)),
            let body = try? JSONDecoder().decode(Body.self, from: Data(bytes))
        else {
            throw .damaged("catalog record '\(record)' is not a table's")
        }
        self.init(number: number, name: body.name, schema: body.schema)
        try TableSchema.validate(name: name)
        try schema.validate()
    }

    var bytes: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        // Strings and finite numbers, as validated: there is nothing in it that JSON cannot say.
        return try! Array(encoder.encode(Body(name: name, schema: schema)))
    }
}
