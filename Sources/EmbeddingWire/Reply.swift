package import NIOCore

/// Writes the replies to one request as whole frames, each in one allocation.
package struct Reply {
    /// The request's header; its id, operation and options come back in the reply.
    package let request: FrameHeader
    package let allocator: ByteBufferAllocator

    package init(to request: FrameHeader, allocator: ByteBufferAllocator) {
        self.request = request
        self.allocator = allocator
    }

    /// Begins a reply of `bodyBytes` bytes, which the caller writes behind the header.
    ///
    /// The buffer has the capacity for them, so that rows can be written straight into
    /// it, by `writeWithUnsafeMutableBytes(minimumWritableBytes: bodyBytes)`.
    package func begin(bodyBytes: Int, status: UInt16 = 0, table: UInt32? = nil) -> ByteBuffer {
        var frame = allocator.buffer(capacity: FrameHeader.byteCount + bodyBytes)
        var header = request
        header.bodyBytes = UInt32(bodyBytes)
        header.status = status
        header.table = table ?? request.table
        header.write(to: &frame)
        return frame
    }

    /// Begins a reply to a pull or pool: `layout.rowBytes` bytes of rows, then the found bits.
    package func beginRows(_ layout: RowsLayout) -> ByteBuffer {
        begin(bodyBytes: layout.byteCount)
    }

    /// Done, and nothing to say: the rows, if it is about any, are in shared memory.
    package func empty() -> ByteBuffer {
        begin(bodyBytes: 0)
    }

    /// To a ping.
    package func echo(_ payload: ByteBuffer) -> ByteBuffer {
        var frame = begin(bodyBytes: payload.readableBytes)
        frame.writeImmutableBuffer(payload)
        return frame
    }

    /// To `createTable` and `openTable`.
    package func schema(_ schema: TableSchema, table: UInt32) -> ByteBuffer {
        var frame = begin(bodyBytes: TableSchema.byteCount, table: table)
        schema.write(to: &frame)
        return frame
    }

    /// To `listTables`.
    package func tables(_ tables: [TableListing]) -> ByteBuffer {
        let bodyBytes = tables.reduce(4) { $0 + $1.byteCount }
        var frame = begin(bodyBytes: bodyBytes)
        frame.writeInteger(UInt32(tables.count), endianness: .little)
        for table in tables {
            frame.writeInteger(table.number, endianness: .little)
            frame.writeTableName(table.name)
            table.schema.write(to: &frame)
        }
        return frame
    }

    /// To `share`.
    package func shared(_ memory: SharedMemory) -> ByteBuffer {
        var frame = begin(bodyBytes: SharedMemory.encodedBytes)
        frame.writeMultipleIntegers(
            memory.byteCount, memory.inode, memory.descriptor, UInt32(0), endianness: .little)
        return frame
    }

    /// To `delete`, `count`, `shrink`, `admit` and `prefetch`: a number of rows.
    package func count(_ rows: UInt64) -> ByteBuffer {
        var frame = begin(bodyBytes: 8)
        frame.writeInteger(rows, endianness: .little)
        return frame
    }

    /// To `stats` and `checkpoint`.
    package func json(_ text: String) -> ByteBuffer {
        var frame = begin(bodyBytes: text.utf8.count)
        frame.writeString(text)
        return frame
    }

    /// The request was refused.
    package func error(_ error: WireError) -> ByteBuffer {
        let message = error.message.cut(toBytes: WireError.messageBytesMax)
        var frame = begin(bodyBytes: 4 + message.utf8.count, status: error.code.rawValue)
        frame.writeInteger(error.retryAfterMs, endianness: .little)
        frame.writeSubstring(message)
        return frame
    }
}
