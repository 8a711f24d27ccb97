internal import NIOCore

/// What a client reads from a reply. Bytes that do not follow the protocol throw `malformed`.
extension Frame {
    /// Throws the error that the reply carries, if it carries one.
    package func checkStatus() throws(WireError) {
        guard header.status != 0 else { return }
        var reader = BodyReader(body, naming: "the error reply")
        let retryAfterMs = try reader.integer(as: UInt32.self)
        let message = try reader.string(bytes: reader.remainingBytes)
        throw WireError(
            ErrorCode(rawValue: header.status), message, retryAfterMs: retryAfterMs)
    }

    /// Of `dropTable`, `push`, `assign`, and of rows that are placed in shared memory.
    package func checkEmpty() throws(WireError) {
        try BodyReader(body, naming: "the reply").end()
    }

    /// Of `createTable` and `openTable`; the table's number is in the header.
    package func schema() throws(WireError) -> TableSchema {
        var reader = BodyReader(body, naming: "the schema reply")
        let schema = try reader.schema()
        try reader.end()
        guard header.table != 0 else { throw WireError(.malformed, "a table of number 0") }
        return schema
    }

    /// Of `listTables`.
    package func tables() throws(WireError) -> [TableListing] {
        var reader = BodyReader(body, naming: "the list of tables")
        let count = try reader.integer(as: UInt32.self)
        var tables: [TableListing] = []
        // Nothing is reserved for `count` tables: it may promise more than there are bytes for.
        for _ in 0..<count {
            let number = try reader.integer(as: UInt32.self)
            let name = try reader.tableName()
            tables.append(
                TableListing(number: number, name: name, schema: try reader.schema()))
        }
        try reader.end()
        return tables
    }

    /// Of `share`.
    package func sharedMemory() throws(WireError) -> SharedMemory {
        var reader = BodyReader(body, naming: "the reply about shared memory")
        let memory = SharedMemory(
            byteCount: try reader.integer(as: UInt64.self),
            inode: try reader.integer(as: UInt64.self),
            descriptor: try reader.integer(as: UInt32.self))
        try reader.zeros(count: 4)
        try reader.end()
        return memory
    }

    /// Of `delete`, `count`, `shrink` and `admit`: a number of rows.
    package func rowCount() throws(WireError) -> UInt64 {
        var reader = BodyReader(body, naming: "the count reply")
        let count = try reader.integer(as: UInt64.self)
        try reader.end()
        return count
    }

    /// Of `stats` and `checkpoint`.
    package func json() throws(WireError) -> String {
        var reader = BodyReader(body, naming: "the JSON reply")
        return try reader.string(bytes: reader.remainingBytes)
    }

    /// Of `pull` and `pool`: row-major values.
    package func rows(_ layout: RowsLayout) throws(WireError) -> [Float] {
        try check(layout)
        return body.withUnsafeReadableBytes { bytes in
            layout.decodeRows(bytes)
        }
    }

    /// Of `pull` without `create`: for each id whether it has a row.
    package func found(_ layout: RowsLayout) throws(WireError) -> [Bool] {
        precondition(layout.hasFound, "a reply without found bits")
        try check(layout)
        return body.withUnsafeReadableBytes { bytes in layout.decodeFound(bytes) }
    }

    private func check(_ layout: RowsLayout) throws(WireError) {
        guard body.readableBytes == layout.byteCount else {
            throw WireError(
                .malformed,
                "\(layout.rows) rows came in \(body.readableBytes) bytes, not \(layout.byteCount)")
        }
    }
}
