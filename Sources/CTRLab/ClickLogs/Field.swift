/// One column of a click log, or one group of features.
public struct Field: Sendable, Hashable, Codable {
    public enum Kind: String, Sendable, Hashable, Codable {
        /// Values that are names: categories, words, numbers that count nothing.
        case ids
        /// Values that are quantities.
        case number
    }

    public var name: String
    public var kind: Kind

    public init(_ name: String, _ kind: Kind) {
        self.name = name
        self.kind = kind
    }
}
