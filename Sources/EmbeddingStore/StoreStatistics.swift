/// The whole store in figures.
public struct StoreStatistics: Sendable, Hashable {
    /// Bytes that the hot tiers may take, and those that they take.
    public var memoryLimitBytes: Int
    public var hotBytes: Int
    public var tables: [TableStatistics]
}
