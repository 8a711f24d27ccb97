/// What the rows of a click log consist of.
public struct LogSchema: Sendable, Hashable, Codable {
    /// Names of the labels; most logs have one.
    public var labels: [String]
    public var fields: [Field]

    public init(labels: [String], fields: [Field]) {
        self.labels = labels
        self.fields = fields
    }
}
