package import NIOCore

/// The 16 bytes before every body, in both directions.
///
/// The fields are kept as they came, also where their values mean nothing, because an error reply
/// repeats them.
package struct FrameHeader: Hashable, Sendable {
    package var bodyBytes: UInt32
    /// Chosen by the client; the reply carries the same.
    package var requestID: UInt32
    /// An ``Operation`` when it is known.
    package var operation: UInt8
    package var options: FrameOptions
    /// 0 in requests; in replies 0 or an ``ErrorCode``.
    package var status: UInt16
    /// 0 where the operation names no table.
    package var table: UInt32

    package static let byteCount = 16

    package init(
        bodyBytes: UInt32, requestID: UInt32, operation: UInt8, options: FrameOptions,
        status: UInt16 = 0, table: UInt32 = 0
    ) {
        self.bodyBytes = bodyBytes
        self.requestID = requestID
        self.operation = operation
        self.options = options
        self.status = status
        self.table = table
    }

    /// The header at the front of `stream`, which stays there; none when it is not complete.
    package init?(peekingAt stream: ByteBuffer) {
        guard stream.readableBytes >= Self.byteCount else { return nil }
        self = stream.withUnsafeReadableBytes { bytes in
            FrameHeader(
                bodyBytes: bytes.loadUnaligned(fromByteOffset: 0, as: UInt32.self),
                requestID: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self),
                operation: bytes[8],
                options: FrameOptions(rawValue: bytes[9]),
                status: bytes.loadUnaligned(fromByteOffset: 10, as: UInt16.self),
                table: bytes.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
        }
    }

    package func write(to stream: inout ByteBuffer) {
        stream.writeMultipleIntegers(
            bodyBytes, requestID, operation, options.rawValue, status, table, endianness: .little)
    }
}
