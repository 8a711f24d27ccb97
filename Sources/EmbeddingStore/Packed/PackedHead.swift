/// The first 64 bytes of a packed file; see <doc:ThePackedFile>.
struct PackedHead: Equatable {
    var descriptionOffset: Int
    var descriptionLength: Int
    var fileLength: Int
    var descriptionChecksum: UInt32

    static let byteCount = 64
    static let magic: [UInt8] = Array("TCPACKED".utf8)
    static let version: UInt32 = 1
    /// A longer description is taken for damage.
    private static let descriptionLengthMax = 64 << 20
    private static let checkedBytes = 44

    var bytes: [UInt8] {
        var bytes = Self.magic
        func append<Number: FixedWidthInteger>(_ number: Number) {
            unsafe withUnsafeBytes(of: number.littleEndian) { unsafe bytes.append(contentsOf: $0) }
        }
        append(Self.version)
        append(UInt32(0))
        append(UInt64(descriptionOffset))
        append(UInt64(descriptionLength))
        append(UInt64(fileLength))
        append(descriptionChecksum)
        append(CRC32.of(bytes))
        return bytes + [UInt8](repeating: 0, count: Self.byteCount - bytes.count)
    }

    init(
        descriptionOffset: Int, descriptionLength: Int, fileLength: Int,
        descriptionChecksum: UInt32
    ) {
        self.descriptionOffset = descriptionOffset
        self.descriptionLength = descriptionLength
        self.fileLength = fileLength
        self.descriptionChecksum = descriptionChecksum
    }

    /// Throws `damaged` for a file that does not begin so, `unsupported` for another version.
    init(_ file: MappedFile) throws(StoreError) {
        let bytes = unsafe file.bytes
        guard bytes.count >= Self.byteCount,
            unsafe bytes.prefix(Self.magic.count).elementsEqual(Self.magic)
        else { throw .damaged("\(file.path) is not a packed file") }
        func number<Number: FixedWidthInteger>(_ offset: Int, _: Number.Type) -> Number {
            unsafe Number(
                littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Number.self))
        }
        let version = number(8, UInt32.self)
        guard version == Self.version else {
            throw .unsupported(
                "\(file.path) has version \(version); this version reads \(Self.version)")
        }
        guard number(Self.checkedBytes, UInt32.self) == file.checksum(0..<Self.checkedBytes),
            let offset = Int(exactly: number(16, UInt64.self)),
            let length = Int(exactly: number(24, UInt64.self)),
            let fileLength = Int(exactly: number(32, UInt64.self))
        else { throw .damaged("\(file.path): the head is not one that was written") }
        guard fileLength == bytes.count else {
            throw .damaged(
                "\(file.path) has \(bytes.count) bytes; \(fileLength) were written")
        }
        guard length <= Self.descriptionLengthMax, offset >= Self.byteCount,
            offset <= fileLength - length
        else { throw .damaged("\(file.path): the description lies outside of the file") }
        self.init(
            descriptionOffset: offset, descriptionLength: length, fileLength: fileLength,
            descriptionChecksum: number(40, UInt32.self))
        guard file.checksum(offset..<offset + length) == descriptionChecksum else {
            throw .damaged("\(file.path): the description's checksum is wrong")
        }
    }
}
