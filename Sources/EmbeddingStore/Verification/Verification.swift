/// What reading all of a store that nobody has open has found: what it holds, and every file that is
/// not what was written.
public struct Verification: Sendable {
    /// A file that is damaged, or missing.
    public struct Damage: Hashable, Sendable {
        /// Within the store's folder.
        public var file: String
        /// Whose rows are in it, nil when it is no table's or that is not known.
        public var table: String?
        public var reason: String
    }

    /// What was found of a table.
    public struct TableSummary: Sendable {
        public var name: String
        public var number: UInt32
        /// Nil when damage kept them from being counted.
        public var rows: Int?
        public var files: Int
        /// Of its files.
        public var bytes: Int
    }

    /// Bytes read, of those that will be.
    public typealias Progress = (_ bytesDone: Int, _ bytesTotal: Int) -> Void

    public let path: String
    public internal(set) var files = 0
    public internal(set) var bytes = 0
    /// By name.
    public internal(set) var tables: [TableSummary] = []
    /// By file.
    public internal(set) var damage: [Damage] = []

    public var isSound: Bool { damage.isEmpty }

    /// Reads every byte of the store or checkpoint in a folder, and changes nothing there. Blocks.
    ///
    /// Files are read one after the other, twice: against their checksums, and as a server reads
    /// them. `progress` is called after each. Memory does not grow with the store, but for a few
    /// hundred bytes a file.
    ///
    /// Throws `inUse` when a process has the store open for writing, and `badDataDirectory` for a
    /// folder that is none; damage is not thrown but reported.
    public init(path: String, progress: @escaping Progress = { _, _ in }) throws(StoreError) {
        self.path = path
        var verifier = try Verifier(path: path, progress: progress)
        verifier.run()
        files = verifier.filesRead
        bytes = verifier.bytesRead
        tables = verifier.tables.values.sorted { $0.name < $1.name }
        damage = verifier.damage.sorted { ($0.file, $0.reason) < ($1.file, $1.reason) }
    }
}
