/// What is wrong with a file of rows.
public enum RowFileError: Error, Hashable, Sendable {
    /// The file is not what it should be; `place` is a line, a row or an offset of bytes.
    case malformed(file: String, place: String, reason: String)
    /// The file cannot be opened or read.
    case unreadable(String)
    /// The destination exists.
    case exists(String)
    /// The destination cannot be written.
    case cannotWrite(String)
}

extension RowFileError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .malformed(let file, let place, let reason): "\(file), \(place): \(reason)"
        case .unreadable(let detail), .cannotWrite(let detail): detail
        case .exists(let path): "\(path) exists"
        }
    }
}
