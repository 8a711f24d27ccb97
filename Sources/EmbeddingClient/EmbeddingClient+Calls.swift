public import EmbeddingWire
public import NIOCore

/// Calls that are not about the rows of one table.
extension EmbeddingClient {
    /// Waits until the server has answered.
    public func ping() async throws {
        let payload: [UInt8] = [0x70, 0x69, 0x6E, 0x67]
        let reply = try await reply(to: encoder.ping(payload: payload))
        guard reply.body.readableBytesView.elementsEqual(payload) else {
            throw WireError(.malformed, "a ping came back changed")
        }
    }

    /// Makes a table.
    ///
    /// - Parameters:
    ///   - name: ASCII letters, digits, `_`, `-`, `.` and `/`, at most 255 bytes.
    ///   - schema: what the table is; it never changes.
    ///   - ifExists: with `open`, a table of that name and the same schema is opened.
    public func createTable(
        _ name: String, schema: TableSchema, ifExists: IfExists = .error
    ) async throws -> EmbeddingTable {
        let frame = try encoder.createTable(name: name, schema: schema, ifExists: ifExists)
        let reply = try await reply(to: frame)
        return EmbeddingTable(
            client: self, name: name, number: reply.header.table, schema: try reply.schema())
    }

    /// Opens a table that is there.
    public func table(named name: String) async throws -> EmbeddingTable {
        let reply = try await reply(to: try encoder.openTable(name: name))
        return EmbeddingTable(
            client: self, name: name, number: reply.header.table, schema: try reply.schema())
    }

    /// Every table of the server.
    public func tables() async throws -> [TableListing] {
        try await reply(to: encoder.listTables()).tables()
    }

    /// What the server has done and holds, as JSON.
    public func stats() async throws -> String {
        try await reply(to: encoder.stats()).json()
    }

    /// Writes a consistent copy of the whole store.
    ///
    /// - Parameters:
    ///   - path: absolute, on the server's machine; it must not exist.
    ///   - timeout: a copy of a large store takes longer than other calls.
    /// - Returns: JSON with `path`, `rows`, `bytes` and `seconds`.
    public func checkpoint(
        to path: String, timeout: TimeAmount = .hours(24)
    ) async throws -> String {
        try await reply(to: encoder.checkpoint(path: path), timeout: timeout).json()
    }
}
