/// A table in figures: where its rows are, and what happened to them since the store was opened.
public struct TableStatistics: Sendable, Hashable, Codable {
    public struct Tier: Sendable, Hashable, Codable {
        public var rows: Int
        public var bytes: Int
    }

    /// What has come of announcements.
    public struct Announced: Sendable, Hashable, Codable {
        /// Times that rows are still to be asked for, for which they stay in memory.
        public var held = 0
        /// Rows brought into memory.
        public var readAhead = 0
        /// Rows of pulls and pools that were there because they had been announced.
        public var hits = 0
    }

    public var name: String
    public var number: UInt32
    /// Rows in either tier; one that is in both counts once.
    public var rows: Int
    /// In memory: bytes of rows, optimizer state and index.
    public var hot: Tier
    /// On disk only; the bytes are those of all files of the table.
    public var cold: Tier
    /// Rows that pulls and pools found in memory, and those that they did not; a row that is
    /// created is a miss.
    public var hits: Int
    public var misses: Int
    public var created: Int
    public var promotions: Int
    public var demotions: Int
    /// Of a table that gives rows of their own to frequent ids.
    public var admission: AdmissionFigures?
    public var announced = Announced()
    /// Rows that expired or were shrunk away, and have been removed.
    public var evictions: Int
    /// What keeping rows in fewer bits has cost.
    public var rounding: RoundingStatistics

    public var hitRatio: Double { hits + misses == 0 ? 1 : Double(hits) / Double(hits + misses) }
}
