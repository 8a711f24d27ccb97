internal import NIOCore

/// Reads the fields of one message in order, and refuses to read past its end.
///
/// Everything that is wrong with the bytes is `malformed`; the message says of what.
struct BodyReader {
    private var buffer: ByteBuffer
    /// What the bytes belong to, for messages: "a push".
    private let subject: String

    init(_ buffer: ByteBuffer, naming subject: String) {
        self.buffer = buffer
        self.subject = subject
    }

    var remainingBytes: Int { buffer.readableBytes }

    mutating func integer<Value: FixedWidthInteger>(as: Value.Type) throws(WireError) -> Value {
        guard let value = buffer.readInteger(endianness: .little, as: Value.self) else {
            throw tooShort()
        }
        return value
    }

    mutating func double() throws(WireError) -> Double {
        Double(bitPattern: try integer(as: UInt64.self))
    }

    /// The next `count` bytes, sharing the storage of the message.
    mutating func bytes(count: Int) throws(WireError) -> ByteBuffer {
        guard let bytes = buffer.readSlice(length: count) else { throw tooShort() }
        return bytes
    }

    mutating func array<Element: BitwiseCopyable>(
        of: Element.Type, count: Int
    ) throws(WireError) -> WireArray<Element> {
        let (byteCount, overflow) = count.multipliedReportingOverflow(
            by: MemoryLayout<Element>.size)
        guard !overflow else { throw tooShort() }
        return WireArray(try bytes(count: byteCount))
    }

    /// Text in UTF-8; other bytes are refused and not repaired.
    mutating func string(bytes count: Int) throws(WireError) -> String {
        let bytes = try bytes(count: count)
        guard let text = String(validating: bytes.readableBytesView, as: UTF8.self) else {
            throw WireError(.malformed, "text in \(subject) is not UTF-8")
        }
        return text
    }

    /// Reserved bytes, which have to be 0.
    mutating func zeros(count: Int) throws(WireError) {
        guard try bytes(count: count).readableBytesView.allSatisfy({ $0 == 0 }) else {
            throw WireError(.malformed, "a reserved byte in \(subject) is not 0")
        }
    }

    mutating func skip(bytes count: Int) throws(WireError) {
        _ = try bytes(count: count)
    }

    /// Checks that the message ends here.
    func end() throws(WireError) {
        guard remainingBytes == 0 else {
            throw WireError(.malformed, "\(remainingBytes) bytes too many in \(subject)")
        }
    }

    private func tooShort() -> WireError {
        WireError(.malformed, "\(subject) ends within a field: \(remainingBytes) bytes are left")
    }
}
