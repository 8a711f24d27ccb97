extension Store {
    public struct Options: Sendable {
        /// Bytes that rows, optimizer state and index of all tables may take in memory.
        public var memoryBytes: Int
        /// Serve what is there and change nothing on disk.
        public var isReadOnly: Bool
        /// Parts of a table's hot tier that are locked apart, a power of two; nil to choose by
        /// cores and memory.
        public var shardCount: Int?
        /// Whether a thread moves rows to disk when memory runs high. Without it the caller calls
        /// `demote()`.
        public var demotesInBackground = true
        /// What an acknowledged write survives.
        public var durability: Durability
        /// Bytes that the write-ahead log may take on disk, about. Twice as many let rows be written
        /// to the cold tier half as often, and take twice as long to replay.
        public var logBytesMax = 1 << 30
        /// Whether to open a store whose log is damaged before its end with the part before the
        /// damage; the rest is put aside.
        public var acceptsDamagedLog = false
        /// Whether rows that were in memory at the last stop are brought back there.
        public var restoresHotRows = true
        /// Whether a thread removes rows that have outlived their table's time to live. Without it
        /// they are as if they were not there, but take room until `Table.shrink` removes them.
        public var removesExpiredRows = true
        /// Whether ids can be asked for; else there are only rows by key, as they are enough to fold a
        /// log into them, and neither counters nor networks take memory.
        var servesIds = true
        /// What time it is, for the rows of tables with a time to live.
        public var clock = UnixClock.system
        /// Told of what happens apart from any request; called on any thread.
        public var onEvent: (@Sendable (Event) -> Void)?

        public init(
            memoryBytes: Int, isReadOnly: Bool = false, shardCount: Int? = nil,
            durability: Durability = .buffered
        ) {
            self.memoryBytes = memoryBytes
            self.isReadOnly = isReadOnly
            self.shardCount = shardCount
            self.durability = durability
        }
    }

    /// What a store does apart from any request.
    public enum Event: Sendable {
        /// The log is being replayed: bytes done, and in all.
        case recovering(bytes: Int, of: Int)
        /// It is found out which rows have a copy on disk: rows looked at so far, and in all where
        /// that is known.
        case counting(table: String, rows: Int, of: Int?)
        /// Rows that were in memory before the start are there again.
        case restored(rows: Int, seconds: Double)
        /// Rows were written to the cold tier, and the log behind them was cut.
        case logCut(seconds: Double)
        /// That failed, and will be tried again.
        case logCutFailed(StoreError)
    }
}
