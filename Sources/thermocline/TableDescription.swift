internal import EmbeddingStore
internal import EmbeddingWire
internal import Foundation

/// A table as commands print it.
///
/// In JSON the seed is a string, because it may be no double.
struct TableDescription: Encodable {
    var name: String
    var dimension: UInt32
    var hot: String
    var cold: String
    var optimizer: String
    var initializer: String
    var scheme: String
    var seed: String
    var state: String
    var fieldBits: UInt8
    var timeToLiveSeconds: UInt32
    /// None where the server was not asked.
    var rows: UInt64?
    /// Rows in memory by field, where ids say it and the server was asked.
    var hotFields: FieldStatistics?

    init(_ name: String, _ schema: EmbeddingWire.TableSchema, rows: UInt64?) {
        self.name = name
        dimension = schema.dimension
        hot = schema.hot.description
        cold = schema.cold.description
        optimizer = SchemaSyntax.text(schema.optimizer)
        initializer = SchemaSyntax.text(schema.initializer)
        scheme = SchemaSyntax.text(schema.scheme, admissionCount: schema.admissionCount)
        seed = "\(schema.seed)"
        state = schema.state.description
        fieldBits = schema.fieldBits
        timeToLiveSeconds = schema.timeToLive
        self.rows = rows
    }

    /// A line for each property, or one JSON object.
    func text(asJSON json: Bool) throws -> String {
        if json { return try JSONText.of(self) }
        var table = TextTable()
        table.add("name", name)
        if let rows { table.add("rows", "\(rows)") }
        table.add("dimension", "\(dimension)")
        table.add("hot", hot)
        table.add("cold", cold)
        table.add("optimizer", optimizer)
        table.add("initializer", initializer)
        table.add("scheme", scheme)
        table.add("seed", seed)
        table.add("state", state)
        if fieldBits > 0 { table.add("field bits", "\(fieldBits)") }
        if timeToLiveSeconds > 0 { table.add("lives", "\(timeToLiveSeconds) s after its last use") }
        guard let hotFields else { return table.text }
        return table.text + "\n\nrows in memory, by field\n" + hotFields.text
    }
}
