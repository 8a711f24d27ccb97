/// The rows of a table by field: what the high bits of their ids say.
public struct FieldStatistics: Sendable, Hashable, Codable {
    /// Of one field, or of several together.
    public struct Figures: Sendable, Hashable, Codable {
        /// Nil of several.
        public var field: UInt32?
        /// Rows that belong to one id alone.
        public var rows = 0
        /// How often they were used; halves as time goes by, as the frequency of each does.
        public var uses = 0
        /// Ids that were given a row of their own; nil where only the rows know.
        public var owners: Int?
        /// Ids that are counted and share rows so far; nil where none are, or not one by one.
        public var candidates: Int?

        static func += (sum: inout Figures, part: Figures) {
            sum.rows += part.rows
            sum.uses += part.uses
            sum.owners? += part.owners ?? 0
            sum.candidates? += part.candidates ?? 0
        }
    }

    /// The fields that have most rows and candidates, at most `listedMax`, by number.
    public var listed: [Figures]
    /// The other fields together, and how many they are, so far as they were told apart.
    public var others: Figures
    public var otherFields: Int
    /// Rows that belong to no id alone.
    public var sharedRows: Int

    public static let listedMax = 256
}
