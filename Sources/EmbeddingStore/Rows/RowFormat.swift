/// How rows are handed out: what a client asked for, whatever the precision they are kept in.
public enum RowFormat: UInt8, Sendable, CaseIterable {
    /// float32[n][dimension]
    case float32 = 0
    /// float16[n][dimension], rounded to nearest even
    case float16 = 1
    /// float32 scale[n], then int16[n][dimension], rounded to nearest
    case int16 = 2

    /// Bytes of `rows` rows of `dimension` elements.
    public func byteCount(rows: Int, dimension: Int) -> Int {
        switch self {
        case .float32: 4 * rows * dimension
        case .float16: 2 * rows * dimension
        case .int16: 4 * rows + 2 * rows * dimension
        }
    }
}
