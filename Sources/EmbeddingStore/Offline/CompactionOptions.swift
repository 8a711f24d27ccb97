/// What `compact` shall do.
public struct CompactionOptions: Sendable {
    /// Rows that were used less often go.
    public var countMin = 0
    /// Rows that were last used more seconds ago go; nil: only those that have outlived the table's
    /// time to live. Only for a table that has one, which keeps these times.
    public var ageMax: UInt32?
    /// What time it is, in seconds since 1970.
    public var now = UnixClock.system.now()
    /// The scheme that the table shall have, with the admission count that goes with it; nil leaves
    /// both.
    public var scheme: Scheme?
    public var admissionCount = 1
    /// Bytes that fitting shared rows may take.
    public var memoryBytes = 256 << 20
    /// The fit ends when its residual has shrunk to so much of the first.
    public var tolerance = 1e-4
    public var iterationsMax = 200

    public init() {}
}

/// Where a compaction is.
public enum CompactionStage: String, Sendable {
    /// Counting ids by frequency.
    case counting
    /// Reading the rows that shared ones shall replace.
    case reading
    /// Fitting; its progress is in steps, of at most so many.
    case fitting
    /// Writing rows.
    case writing
}

/// What a compaction has done.
public struct CompactionReport: Sendable {
    /// Ids by how often they are used, with the error of what they are served now.
    public struct Band: Sendable {
        /// Uses, from `low` up to `high`.
        public var low: Int
        public var high: Int
        public var error: RowError
    }

    public var rowsBefore = 0
    /// In the table as it is now: own rows and shared ones.
    public var rowsAfter = 0
    /// Rows that were dropped because they are rare.
    public var rareRows = 0
    /// Rows that were dropped because they were not used for too long, rare or not.
    public var expiredRows = 0
    /// Ids that have a row of their own.
    public var ownRows = 0
    public var sharedRows = 0
    /// Of the table's files.
    public var bytesBefore = 0
    public var bytesAfter = 0
    /// By frequency, ascending.
    public var bands: [Band] = []
    /// Of all ids that are left.
    public var error = RowError()
    /// Steps of the fit, and what it left of the residual.
    public var iterations = 0
    public var residual = 0.0
    public var seconds = 0.0
}
