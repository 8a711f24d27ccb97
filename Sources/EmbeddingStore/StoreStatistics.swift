/// The whole store in figures.
public struct StoreStatistics: Sendable, Hashable {
    /// Bytes that the hot tiers may take, and those that they take.
    public var memoryLimitBytes: Int
    public var hotBytes: Int
    /// What keeps rows from being written to disk, since the last time that it worked; nil when
    /// nothing does.
    public var diskFailure: StoreError?
    public var tables: [TableStatistics]
}
