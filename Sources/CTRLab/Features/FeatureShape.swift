/// How many features of which kind a row has.
public struct FeatureShape: Sendable, Hashable, Codable {
    /// Fields of ids.
    public var fields: Int
    public var numbers: Int
    public var labels: Int
}
