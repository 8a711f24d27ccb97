/// The 64-bit id of a string: XXH64 (Yann Collet's xxHash) with seed 0 over its UTF-8 bytes, as any
/// library of that hash computes it. The Python client has it as `string_id` and `hash_ids`, the
/// command line as `thermocline id`; all three are held to `Tests/Fixtures/string-ids.json`.
///
/// Where a schema keeps a field in the high bits of its ids (`fieldBits`), the low bits of the hash
/// go below the field's number.
///
/// | string | field | id |
/// | --- | --- | --- |
/// | (empty) | | `0xEF46DB3751D8E999` |
/// | `abc` | | `0x44BC2CF5AD770999` |
/// | `abc` | 5 in 8 bits | `0x05BC2CF5AD770999` |
public enum StringID {
    /// High bits of an id that hold its field, and the number in them.
    public struct Field: Sendable, Hashable {
        public let number: UInt32
        public let bits: Int

        /// Nil unless `bits` is 1…32 and `number` fits into them.
        public init?(_ number: UInt32, bits: Int) {
            guard (1...32).contains(bits), UInt64(number) >> UInt64(bits) == 0 else { return nil }
            self.number = number
            self.bits = bits
        }

        /// `id` with this field in its high bits, whatever it had there.
        func id(_ hash: UInt64) -> UInt64 {
            let low = UInt64(64 - bits)
            return UInt64(number) << low | hash & (1 << low - 1)
        }
    }

    /// The id of a string.
    public static func id(of string: String, in field: Field? = nil) -> UInt64 {
        var string = string
        return string.withUTF8 { id(of: UnsafeRawBufferPointer($0), in: field) }
    }

    /// The id of the string with these UTF-8 bytes.
    public static func id(of bytes: UnsafeRawBufferPointer, in field: Field? = nil) -> UInt64 {
        let hash = XXH64.hash(bytes)
        return field?.id(hash) ?? hash
    }
}
