/// What can go wrong in the lab that is not a fault of the store.
public enum CTRLabError: Error, Hashable, Sendable {
    /// Input that is not what it should be: empty, malformed, of one class only, cut short.
    case badInput(String)
    /// A file that cannot be opened or read.
    case unreadable(String)
    /// A file that cannot be written.
    case cannotWrite(String)
    /// Settings that contradict one another, or the data.
    case badSettings(String)
}

extension CTRLabError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .badInput(let detail), .unreadable(let detail), .cannotWrite(let detail),
            .badSettings(let detail):
            detail
        }
    }
}
