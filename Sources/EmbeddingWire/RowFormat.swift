/// How rows are written in a reply (Protocol.md, section 3).
public enum RowFormat: UInt8, CaseIterable, Sendable {
    /// 4 bytes a value.
    case float32 = 0
    /// 2 bytes a value, rounded to nearest even.
    case float16 = 1
    /// 2 bytes a value and a float32 scale for each row; value = scale · integer.
    case int16 = 2

    /// Bytes that `rows` rows of `dimension` values take: at most 2^32 rows of 4096 values.
    package func byteCount(rows: Int, dimension: Int) -> Int {
        switch self {
        case .float32: 4 * rows * dimension
        case .float16: 2 * rows * dimension
        case .int16: 4 * rows + 2 * rows * dimension
        }
    }
}

extension RowFormat: CustomStringConvertible {
    /// The format's name in the protocol.
    public var description: String {
        switch self {
        case .float32: "float32"
        case .float16: "float16"
        case .int16: "int16"
        }
    }
}
