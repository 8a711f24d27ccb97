/// The whole store in figures.
public struct StoreStatistics: Sendable, Hashable {
    public struct NamedTable: Sendable, Hashable {
        public var name: String
        public var number: UInt32
        public var statistics: TableStatistics
    }

    /// Bytes that the hot tiers may take, and those that they take.
    public var memoryLimitBytes: Int
    public var hotBytes: Int
    public var tables: [NamedTable]
}
