/// What the columns of a file with named columns are.
public struct CSVColumns: Sendable, Hashable {
    public var labels: [String]
    /// Columns of ids; nil for all that are not named otherwise.
    public var ids: [String]?
    public var numbers: [String]
    public var ignored: [String]

    public init(
        labels: [String], ids: [String]? = nil, numbers: [String] = [], ignored: [String] = []
    ) {
        self.labels = labels
        self.ids = ids
        self.numbers = numbers
        self.ignored = ignored
    }
}
