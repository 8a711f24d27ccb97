internal import NIOCore

/// What names a table can have.
package enum TableName {
    package static let bytesMax = 255

    /// Throws `invalidSchema` for a name that no table can have.
    ///
    /// A name has 1 to ``bytesMax`` of the ASCII letters, digits, `_`, `-`, `.` and `/`.
    package static func check(_ name: String) throws(WireError) {
        guard !name.isEmpty else {
            throw WireError(.invalidSchema, "a table's name is not empty")
        }
        guard name.utf8.count <= bytesMax else {
            throw WireError(
                .invalidSchema,
                "a table's name has at most \(bytesMax) bytes, not \(name.utf8.count)")
        }
        guard name.utf8.allSatisfy(isAllowed) else {
            throw WireError(
                .invalidSchema,
                "a table's name has ASCII letters, digits and _ - . / only, "
                    + "unlike \(name.debugDescription)")
        }
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
            UInt8(ascii: "."), UInt8(ascii: "/"):
            true
        default:
            false
        }
    }
}

extension BodyReader {
    /// A table's name with its length before it.
    mutating func tableName() throws(WireError) -> String {
        let byteCount = Int(try integer(as: UInt16.self))
        let name = try string(bytes: byteCount)
        try TableName.check(name)
        return name
    }
}

extension ByteBuffer {
    /// A table's name with its length before it; a name too long for its length field is a defect.
    mutating func writeTableName(_ name: String) {
        writeInteger(UInt16(name.utf8.count), endianness: .little)
        writeString(name)
    }
}
