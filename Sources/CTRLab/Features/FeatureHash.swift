/// The 64-bit id of a feature: a hash of its field's name and its value, the same in every process
/// and on every machine, so that a store that was trained can be served.
///
/// FNV-1a with 64 bits (Fowler, Noll and Vo, 1991) over the UTF-8 bytes of the field's name, one
/// byte for the kind of feature and the bytes of its value, then the finisher of SplitMix64
/// (Steele et al., OOPSLA 2014), which spreads it over all bits:
///
///     h ← 0xCBF29CE484222325;  for each byte b:  h ← (h ⊕ b) · 0x100000001B3
///     id = mix(h)
///
/// | field | kind | value | id |
/// | --- | --- | --- | --- |
/// | `C1` | value | `68fd1e64` | `0xBA7E980F5DB48DB2` |
/// | `C1` | value |  | `0xDB5001C298B595C8` |
/// | `I2` | bucket | `17` | `0xEF73F07685221654` |
/// | `C1` | rare |  | `0xF33E4D7829982E4D` |
/// | `I2` | scaled |  | `0x0CD7838654B4E2F3` |
/// | `größe` | value | `ü` | `0xB15D2F4CF57DFBC0` |
public struct FeatureHash: Sendable {
    /// What the value is; its raw value is hashed.
    public enum Kind: UInt8, Sendable {
        /// A value as it stands in the log; no bytes for a missing one.
        case value = 0
        /// All values that are too rare for an id of their own; no bytes.
        case rare = 1
        /// A bucket of numbers: its number as decimal digits.
        case bucket = 2
        /// A number's field as a whole, with the number as weight; no bytes.
        case scaled = 3
    }

    /// The state after the field's name.
    private let state: UInt64

    private static let offset: UInt64 = 0xCBF2_9CE4_8422_2325
    private static let prime: UInt64 = 0x100_0000_01B3

    public init(field: String) {
        state = Self.hash(Self.offset, field.utf8)
    }

    /// The id of a value of the field.
    public func id<Bytes: Sequence<UInt8>>(_ kind: Kind, _ value: Bytes) -> UInt64 {
        SplitMix64.mix(Self.hash(Self.hash(state, CollectionOfOne(kind.rawValue)), value))
    }

    public func id(_ kind: Kind) -> UInt64 { id(kind, EmptyCollection()) }

    public func id(bucket: Int) -> UInt64 { id(.bucket, "\(bucket)".utf8) }

    @inline(__always)
    private static func hash<Bytes: Sequence<UInt8>>(_ state: UInt64, _ bytes: Bytes) -> UInt64 {
        bytes.reduce(state) { ($0 ^ UInt64($1)) &* prime }
    }
}
