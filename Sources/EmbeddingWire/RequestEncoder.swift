package import NIOCore

/// Writes a request as a whole frame, in one allocation.
///
/// Each request takes an encoder of its own, because it carries the request id: the frame is
/// not touched again, so it is never copied. Limits are the caller's to keep.
package struct RequestEncoder: Sendable {
    /// The request's id: none that is in use on the connection.
    package var requestID: UInt32
    package var allocator: ByteBufferAllocator

    package init(
        requestID: UInt32 = 0, allocator: ByteBufferAllocator = ByteBufferAllocator()
    ) {
        self.requestID = requestID
        self.allocator = allocator
    }

    package func ping(payload: [UInt8] = []) -> ByteBuffer {
        var frame = begin(.ping, bodyBytes: payload.count)
        frame.writeBytes(payload)
        return frame
    }

    /// - Throws: `invalidSchema` for a name that no table can have.
    package func createTable(
        name: String, schema: TableSchema, ifExists: IfExists
    ) throws(WireError) -> ByteBuffer {
        try TableName.check(name)
        let bodyBytes = 4 + 2 + name.utf8.count + TableSchema.byteCount
        var frame = begin(.createTable, bodyBytes: bodyBytes)
        frame.writeInteger(ifExists.rawValue)
        frame.writeRepeatingByte(0, count: 3)
        frame.writeTableName(name)
        schema.write(to: &frame)
        return frame
    }

    /// - Throws: `invalidSchema` for a name that no table can have.
    package func openTable(name: String) throws(WireError) -> ByteBuffer {
        try TableName.check(name)
        var frame = begin(.openTable, bodyBytes: 2 + name.utf8.count)
        frame.writeTableName(name)
        return frame
    }

    package func listTables() -> ByteBuffer {
        begin(.listTables, bodyBytes: 0)
    }

    package func dropTable(_ table: UInt32) -> ByteBuffer {
        begin(.dropTable, table: table, bodyBytes: 0)
    }

    /// Asks for memory that the rows of replies may be placed in.
    package func share(byteCount: UInt64) -> ByteBuffer {
        var frame = begin(.share, bodyBytes: 8)
        frame.writeInteger(byteCount, endianness: .little)
        return frame
    }

    /// - Parameter place: where in shared memory the rows go; nil: into the reply.
    package func pull(
        table: UInt32, ids: [UInt64], create: Bool, format: RowFormat = .float32,
        place: UInt64? = nil
    ) -> ByteBuffer {
        let options = FrameOptions(format: format, create: create, hasPlace: place != nil)
        let bodyBytes = 8 * ids.count + (place == nil ? 0 : 8)
        var frame = begin(.pull, options: options, table: table, bodyBytes: bodyBytes)
        if let place { frame.writeInteger(place, endianness: .little) }
        frame.writeElements(ids)
        return frame
    }

    /// - Parameter gradients: row-major, as many rows as ids.
    package func push(
        table: UInt32, dimension: Int, ids: [UInt64], gradients: [Float]
    ) -> ByteBuffer {
        idsAndRows(.push, table: table, dimension: dimension, ids: ids, rows: gradients)
    }

    /// - Parameter rows: row-major, as many rows as ids.
    package func assign(
        table: UInt32, dimension: Int, ids: [UInt64], rows: [Float]
    ) -> ByteBuffer {
        idsAndRows(.assign, table: table, dimension: dimension, ids: ids, rows: rows)
    }

    /// - Parameters:
    ///   - offsets: where each bag begins; ascending from 0 to at most the number of ids.
    ///   - weights: one for each id, or none; with `sum` only.
    ///   - place: where in shared memory the rows go; nil: into the reply.
    package func pool(
        table: UInt32, mode: PoolMode, ids: [UInt64], offsets: [UInt64], weights: [Float]? = nil,
        create: Bool, format: RowFormat = .float32, place: UInt64? = nil
    ) -> ByteBuffer {
        precondition(weights.map { $0.count == ids.count } ?? true, "a weight for each id")
        let bodyBytes =
            16 + 8 * (ids.count + offsets.count) + 4 * (weights?.count ?? 0)
            + (place == nil ? 0 : 8)
        let options = FrameOptions(format: format, create: create, hasPlace: place != nil)
        var frame = begin(.pool, options: options, table: table, bodyBytes: bodyBytes)
        if let place { frame.writeInteger(place, endianness: .little) }
        frame.writeMultipleIntegers(
            UInt32(ids.count), UInt32(offsets.count), mode.rawValue,
            UInt8(weights == nil ? 0 : 1), endianness: .little)
        frame.writeRepeatingByte(0, count: 6)
        frame.writeElements(ids)
        frame.writeElements(offsets)
        if let weights { frame.writeElements(weights) }
        return frame
    }

    package func delete(table: UInt32, ids: [UInt64]) -> ByteBuffer {
        var frame = begin(.delete, table: table, bodyBytes: 8 * ids.count)
        frame.writeElements(ids)
        return frame
    }

    package func admit(table: UInt32, ids: [UInt64]) -> ByteBuffer {
        var frame = begin(.admit, table: table, bodyBytes: 8 * ids.count)
        frame.writeElements(ids)
        return frame
    }

    package func prefetch(table: UInt32, ids: [UInt64]) -> ByteBuffer {
        var frame = begin(.prefetch, table: table, bodyBytes: 8 * ids.count)
        frame.writeElements(ids)
        return frame
    }

    package func count(table: UInt32) -> ByteBuffer {
        begin(.count, table: table, bodyBytes: 0)
    }

    /// - Parameters:
    ///   - minFrequency: rows that are used less often go; 0 for none.
    ///   - maxAge: rows that were last used more seconds ago go; 0 for none.
    package func shrink(table: UInt32, minFrequency: UInt32, maxAge: UInt32) -> ByteBuffer {
        var frame = begin(.shrink, table: table, bodyBytes: 8)
        frame.writeMultipleIntegers(minFrequency, maxAge, endianness: .little)
        return frame
    }

    /// - Parameter table: 0 for the whole server.
    package func stats(table: UInt32 = 0) -> ByteBuffer {
        begin(.stats, table: table, bodyBytes: 0)
    }

    package func checkpoint(path: String) -> ByteBuffer {
        var frame = begin(.checkpoint, bodyBytes: path.utf8.count)
        frame.writeString(path)
        return frame
    }

    private func idsAndRows(
        _ operation: Operation, table: UInt32, dimension: Int, ids: [UInt64], rows: [Float]
    ) -> ByteBuffer {
        precondition(rows.count == ids.count * dimension, "a row for each id")
        let bodyBytes = 8 + 8 * ids.count + 4 * rows.count
        var frame = begin(operation, table: table, bodyBytes: bodyBytes)
        frame.writeMultipleIntegers(UInt32(ids.count), UInt32(dimension), endianness: .little)
        frame.writeElements(ids)
        frame.writeElements(rows)
        return frame
    }

    private func begin(
        _ operation: Operation, options: FrameOptions = .none, table: UInt32 = 0, bodyBytes: Int
    ) -> ByteBuffer {
        var frame = allocator.buffer(capacity: FrameHeader.byteCount + bodyBytes)
        let header = FrameHeader(
            bodyBytes: UInt32(bodyBytes), requestID: requestID, operation: operation.rawValue,
            options: options, table: table)
        header.write(to: &frame)
        return frame
    }
}

extension ByteBuffer {
    /// Numbers one after the other, in one copy.
    mutating func writeElements<Element: BitwiseCopyable>(_ elements: [Element]) {
        elements.withUnsafeBytes { _ = writeBytes($0) }
    }
}
