internal import Foundation

/// What the JSON of a packed file says; see <doc:ThePackedFile>.
struct PackedDescription: Codable {
    struct Section: Codable {
        var offset: Int
        var length: Int
        var crc32: UInt32

        var range: Range<Int> { offset..<offset + length }

        static let alignment = 64
    }

    /// Rows in ascending order of hash, with the index that finds them.
    struct Part: Codable {
        var rows: Int
        var bucketBits: Int
        var keyBytes: Int
        var buckets: Section
        var keys: Section
        var data: Section
        /// Rows in a block and the blocks' places; nil where rows lie one after the other.
        var blockRows: Int?
        var blocks: Section?
    }

    struct Table: Codable {
        var name: String
        var dimension: Int
        var precision: String
        /// Every element of a row that is not there: of keys below `firstShared`, and of others.
        var ownDefault: Double
        var sharedDefault: Double
        var firstShared: UInt64
        var schema: TableSchema
        var frequent: Part
        var rest: Part
    }

    var tables: [Table]
}

extension PackedDescription.Table {
    var layout: PackedRowLayout? {
        Precision.packable.first { "\($0)" == precision }.map {
            PackedRowLayout(precision: $0, dimension: dimension)
        }
    }
}

extension Precision {
    /// What the rows of a packed file may be kept in.
    public static let packable: [Precision] = [.int16, .int8]
}

/// A row of a packed file: the scale, then the whole numbers.
struct PackedRowLayout: Sendable {
    let precision: Precision
    let dimension: Int

    static let scaleBytes = 4

    var byteCount: Int { Self.scaleBytes + dimension * precision.elementBytes }

    /// Rows in a block of the rest. A pull that needs one row of a block decodes all of it, so blocks
    /// are small.
    var blockRows: Int { max(1, (16 << 10) / byteCount) }

    @inline(__always)
    func decode(_ row: UnsafeRawPointer, into output: UnsafeMutablePointer<Float>) {
        unsafe precision.decode(
            row + Self.scaleBytes, scale: row.loadUnaligned(as: Float.self), into: output,
            count: dimension)
    }

    /// Rounds to the nearest.
    func append(_ row: [Float], to bytes: inout [UInt8]) {
        unsafe withUnsafeTemporaryAllocation(
            byteCount: dimension * precision.elementBytes, alignment: 16
        ) { encoded in
            let scale = unsafe row.withUnsafeBufferPointer {
                // A dimension is at least 1.
                unsafe precision.encodeNearest(
                    $0.baseAddress!, into: encoded.baseAddress!, count: dimension)
            }
            unsafe withUnsafeBytes(of: scale) { unsafe bytes.append(contentsOf: $0) }
            unsafe bytes.append(contentsOf: encoded)
        }
    }
}

/// The order of the keys of a packed file: a bijection of 64 bits, the finisher of splitmix64, so
/// that the hash says the key.
enum PackedHash {
    @inline(__always)
    static func of(_ key: UInt64) -> UInt64 { KeyHash(salt: 0)(key) }
}
