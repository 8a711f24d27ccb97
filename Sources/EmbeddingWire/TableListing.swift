/// A table as `listTables` shows it.
public struct TableListing: Hashable, Sendable {
    /// Names the table in requests until the server stops.
    public var number: UInt32
    public var name: String
    public var schema: TableSchema

    package init(number: UInt32, name: String, schema: TableSchema) {
        self.number = number
        self.name = name
        self.schema = schema
    }

    /// Bytes of the listing on the wire.
    var byteCount: Int { 4 + 2 + name.utf8.count + TableSchema.byteCount }
}
