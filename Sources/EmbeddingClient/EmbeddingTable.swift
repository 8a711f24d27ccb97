public import EmbeddingWire
internal import NIOCore

/// A table of a server, reached by one client's connection.
public struct EmbeddingTable: Sendable {
    public let client: EmbeddingClient
    public let name: String
    /// Names the table on the wire, until the server stops.
    public let number: UInt32
    public let schema: TableSchema

    init(client: EmbeddingClient, name: String, number: UInt32, schema: TableSchema) {
        self.client = client
        self.name = name
        self.number = number
        self.schema = schema
    }

    /// A table that was listed, reached by `client`.
    public init(client: EmbeddingClient, _ listing: TableListing) {
        self.init(
            client: client, name: listing.name, number: listing.number, schema: listing.schema)
    }

    /// Values in a row.
    public var dimension: Int { Int(schema.dimension) }

    /// Reads a row for each id.
    ///
    /// - Parameters:
    ///   - ids: at most `client.idsMax`.
    ///   - create: whether ids without a row get one; otherwise they read as the table's
    ///     default row, and the result says which were found.
    ///   - format: how the rows travel; float16 and int16 are half as long and rounded.
    public func pull(
        _ ids: [UInt64], create: Bool = true, format: RowFormat = .float32
    ) async throws -> PulledRows {
        try check(ids)
        return try await sendPull(ids, create: create, format: format).rows()
    }

    private func sendPull(_ ids: [UInt64], create: Bool, format: RowFormat) -> SentRows {
        let layout = RowsLayout(
            rows: ids.count, dimension: dimension, format: format, hasFound: !create)
        return send(layout) { place in
            client.encoder.pull(
                table: number, ids: ids, create: create, format: format, place: place)
        }
    }

    /// Sends a request for rows, which are to be waited for: where memory is shared and free, with their
    /// place in it.
    private func send(_ layout: RowsLayout, _ encode: (_ place: UInt64?) -> ByteBuffer) -> SentRows
    {
        if let part = client.sharedReplies?.take(layout.byteCount) {
            let frame = encode(part.place)
            // The place is eight bytes more than the longest request may have.
            if client.takes(frame) {
                return SentRows(layout: layout, reply: client.send(frame, into: part), part: part)
            }
        }
        return SentRows(layout: layout, reply: client.send(encode(nil)))
    }

    /// Applies a gradient to the row of each id, and returns once that is done.
    ///
    /// Gradients of an id that comes more than once are summed, then one step is taken.
    ///
    /// - Parameters:
    ///   - ids: at most `client.idsMax`.
    ///   - gradients: row-major, a row for each id.
    public func push(_ ids: [UInt64], gradients: [Float]) async throws {
        try check(ids)
        try check(rows: gradients, for: ids)
        let frame = client.encoder.push(
            table: number, dimension: dimension, ids: ids, gradients: gradients)
        try await client.reply(to: frame).checkEmpty()
    }

    /// Applies a gradient to the row of each id, then reads other rows as they are afterwards. Both
    /// requests are sent at once, so that the server turns from one to the other without waiting.
    ///
    /// - Parameters:
    ///   - ids: at most `client.idsMax`.
    ///   - gradients: row-major, a row for each id.
    ///   - pulled: the ids to read, at most `client.idsMax`; those without a row get one.
    public func push(
        _ ids: [UInt64], gradients: [Float], thenPull pulled: [UInt64]
    ) async throws -> PulledRows {
        try check(ids)
        try check(rows: gradients, for: ids)
        try check(pulled)
        // Sent by one thread in this order, they come in this order.
        let push = client.send(
            client.encoder.push(
                table: number, dimension: dimension, ids: ids, gradients: gradients))
        let pull = sendPull(pulled, create: true, format: .float32)
        try await push.get().checkStatus()
        return try await pull.rows()
    }

    /// Replaces the row of each id; the last row counts for an id that comes more than once.
    ///
    /// - Parameters:
    ///   - ids: at most `client.idsMax`.
    ///   - rows: row-major, a row for each id.
    public func assign(_ ids: [UInt64], rows: [Float]) async throws {
        try check(ids)
        try check(rows: rows, for: ids)
        let frame = client.encoder.assign(
            table: number, dimension: dimension, ids: ids, rows: rows)
        try await client.reply(to: frame).checkEmpty()
    }

    /// Reads one row for each bag of ids, combined from the rows of its ids.
    ///
    /// - Parameters:
    ///   - ids: of all bags, one after the other; at most `client.idsMax`.
    ///   - offsets: where each bag begins in `ids`, ascending from 0; the last ends with them.
    ///   - mode: how the rows of a bag become one.
    ///   - weights: one for each id, with `sum` only.
    ///   - create: whether ids without a row get one; otherwise they count as the default row.
    ///   - format: how the rows travel; float16 and int16 are half as long and rounded.
    /// - Returns: row-major, a row for each bag; zeros for an empty one.
    public func pool(
        _ ids: [UInt64], offsets: [UInt64], mode: PoolMode = .sum, weights: [Float]? = nil,
        create: Bool = false, format: RowFormat = .float32
    ) async throws -> [Float] {
        try check(ids)
        try check(offsets)
        if let weights, weights.count != ids.count {
            throw WireError(.malformed, "\(weights.count) weights for \(ids.count) ids")
        }
        let layout = RowsLayout(
            rows: offsets.count, dimension: dimension, format: format, hasFound: false)
        let sent = send(layout) { place in
            client.encoder.pool(
                table: number, mode: mode, ids: ids, offsets: offsets, weights: weights,
                create: create, format: format, place: place)
        }
        return try await sent.rows().values
    }

    /// Removes the rows of these ids.
    ///
    /// - Returns: how many there were.
    public func delete(_ ids: [UInt64]) async throws -> UInt64 {
        try check(ids)
        return try await client.reply(to: client.encoder.delete(table: number, ids: ids))
            .rowCount()
    }

    /// Gives rows of their own, which they keep, to ids that are known to be frequent, while there is
    /// room; for a table whose scheme goes by frequency.
    ///
    /// - Returns: how many ids got one.
    public func admit(_ ids: [UInt64]) async throws -> UInt64 {
        try check(ids)
        return try await client.reply(to: client.encoder.admit(table: number, ids: ids))
            .rowCount()
    }

    /// Announces ids that will soon be pulled or pooled, in the order in which they will: their rows
    /// are read into memory, and stay there until they have been asked for as often as they come here,
    /// for 30 seconds at most, or until the client closes.
    ///
    /// - Parameter ids: at most `client.idsMax`; those without a row are passed over.
    /// - Returns: how many rows are held; fewer where announcements take a quarter of the memory.
    /// - Throws: `unsupported` where the server has no such request.
    @discardableResult
    public func prefetch(_ ids: [UInt64]) async throws -> UInt64 {
        try check(ids)
        guard client.mayPrefetch else {
            throw WireError(.unsupported, "the server knows no prefetch")
        }
        return try await client.reply(to: client.encoder.prefetch(table: number, ids: ids))
            .rowCount()
    }

    /// How many rows the table has.
    public func count() async throws -> UInt64 {
        try await client.reply(to: client.encoder.count(table: number)).rowCount()
    }

    /// Removes rows for good: those used less often than `minFrequency`, those last used more than
    /// `maxAge` seconds ago, and those that have outlived the table's time to live. 0 means not by
    /// that. Frequencies halve as time goes by.
    ///
    /// - Returns: how many rows are gone.
    /// - Throws: `unsupported` for an age in a table without a time to live.
    public func shrink(minFrequency: UInt32 = 0, maxAge: UInt32 = 0) async throws -> UInt64 {
        let frame = client.encoder.shrink(
            table: number, minFrequency: minFrequency, maxAge: maxAge)
        return try await client.reply(to: frame).rowCount()
    }

    /// What the table holds and how it is used, as JSON.
    public func stats() async throws -> String {
        try await client.reply(to: client.encoder.stats(table: number)).json()
    }

    /// Removes the table and its rows.
    public func drop() async throws {
        try await client.reply(to: client.encoder.dropTable(number)).checkEmpty()
    }

    private func check(_ ids: [UInt64]) throws(WireError) {
        guard ids.count <= client.idsMax else {
            throw WireError(
                .tooManyIds, "\(ids.count) ids; the most in one call is \(client.idsMax)")
        }
    }

    private func check(rows: [Float], for ids: [UInt64]) throws(WireError) {
        guard rows.count == ids.count * dimension else {
            throw WireError(
                .dimensionMismatch,
                "\(rows.count) values for \(ids.count) ids of a table of dimension \(dimension)")
        }
    }
}
