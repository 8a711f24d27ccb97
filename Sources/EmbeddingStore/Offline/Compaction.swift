/// What `compact` shall do.
public struct CompactionOptions: Sendable {
    /// Rows that were used less often go.
    public var countMin = 0
    /// Rows that were last used so many seconds ago, or earlier, go; nil keeps them. Only for tables
    /// with a time to live.
    public var ageMax: Int?
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
    /// Ids that were dropped because they are rare.
    public var rareRows = 0
    /// Ids that were dropped because they are old.
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

/// The work of a compaction: passes over one table of a store, of which the last writes.
final class Compaction {
    typealias Progress = (_ stage: CompactionStage, _ done: Int, _ total: Int) -> Void

    private let table: OfflineTable
    private let options: CompactionOptions
    private let sharing: RowSharing?
    private let progress: Progress?
    private var choice = OwnRowChoice()
    private(set) var report = CompactionReport()
    /// By bucket of frequency.
    private var errors = [RowError](repeating: RowError(), count: PowerHistogram.bucketCount)

    init(
        _ table: OfflineTable, _ options: CompactionOptions, _ sharing: RowSharing?,
        progress: Progress?
    ) {
        self.table = table
        self.options = options
        self.sharing = sharing
        self.progress = progress
    }

    /// Fills `writer`, of a table whose scheme is that of `sharing`; `scratch` is a folder for files
    /// that go away.
    func run(_ writer: TableWriter, scratch: String) throws(StoreError) {
        let fit = try sharing.map { (sharing) throws(StoreError) in
            try fitted(sharing, scratch: scratch)
        }
        if let fit { try round(fit, as: writer) }
        try write(writer, fit)
        report.rowsBefore = table.rowCount
        report.bytesBefore = table.byteCount
        report.rowsAfter = try writer.finish()
        report.bytesAfter = writer.byteCount
        for (bucket, error) in errors.enumerated() where error.rows > 0 {
            let (low, high) = PowerHistogram.bounds(ofBucket: bucket)
            report.bands.append(
                .init(low: Int(low), high: max(Int(low), Int(high) - 1), error: error))
            report.error += error
        }
    }

    // MARK: passes

    /// Calls `body` with each row that stays.
    private func forEachRow(
        _ stage: CompactionStage, _ body: (StoredRow) throws(StoreError) -> Void
    ) throws(StoreError) {
        try table.scanFinite(progress: { [progress] in progress?(stage, $0, $1) }) {
            (row) throws(StoreError) in
            if isKept(row) { try body(row) }
        }
    }

    private func isRare(_ row: StoredRow) -> Bool { Int(row.frequency) < options.countMin }

    private func isKept(_ row: StoredRow) -> Bool { !isRare(row) }

    /// Finds the shared rows.
    private func fitted(
        _ sharing: RowSharing, scratch: String
    ) throws(StoreError) -> SharedRowFit {
        try forEachRow(.counting) { row in
            if row.key < sharing.firstKeyTaken { choice.add(frequency: row.frequency) }
        }
        let fit = try SharedRowFit(sharing, dimension: table.schema.dimension, scratch: scratch)
        var pass = choice.pass(sharing.own)
        try forEachRow(.reading) { (row) throws(StoreError) in
            if row.key < sharing.firstKeyTaken, pass.takes(frequency: row.frequency) { return }
            try fit.add(row.key, row.values, weight: Self.weight(row))
        }
        let result = try fit.solve(
            tolerance: options.tolerance, iterationsMax: options.iterationsMax
        ) { progress?(.fitting, $0, options.iterationsMax) }
        report.iterations = result.iterations
        report.residual = result.residual
        return fit
    }

    /// A row that has not been used for long still counts for something.
    private static func weight(_ row: StoredRow) -> Float { Float(max(row.frequency, 1)) }

    /// Rounds shared rows to what is read back from disk, so that errors are of that.
    private func round(_ fit: SharedRowFit, as writer: TableWriter) throws(StoreError) {
        guard let sharing else { return }
        for number in 0..<sharing.rowCount where fit.isUsed(number) {
            let row = fit[number]
            guard row.allSatisfy(\.isFinite) else {
                throw .nonFinite("a shared row fitted to table '\(table.name)'")
            }
            fit[number] = writer.rounded(row)
        }
    }

    /// Writes own rows, and then the shared ones.
    private func write(
        _ writer: TableWriter, _ fit: SharedRowFit?
    ) throws(StoreError) {
        var pass = choice.pass(sharing?.own ?? .none)
        var served = [Float](repeating: 0, count: table.schema.dimension)
        var states = fit.map { SharedStates(table, $0, rowCount: sharing?.rowCount ?? 0) }
        try table.scanFinite(progress: { [progress] in progress?(.writing, $0, $1) }) {
            (row) throws(StoreError) in
            if isRare(row) {
                report.rareRows += 1
                return
            }
            if let fit, let sharing,
                row.key >= sharing.firstKeyTaken || !pass.takes(frequency: row.frequency)
            {
                fit.combine(row.key, into: &served)
                states?.add(row, weight: Self.weight(row), parts: sharing.parts(row.key))
            } else {
                try writer.append(row, as: &served)
                report.ownRows += 1
            }
            errors[PowerHistogram.bucket(of: Double(row.frequency))].add(row.values, stored: served)
        }
        guard let fit, let sharing, let states else { return }
        let used = (0..<sharing.rowCount).filter(fit.isUsed)
        for number in used.sorted(by: { sharing.key($0) < sharing.key($1) }) {
            let row = fit[number]
            try writer.append(
                key: sharing.key(number), values: row,
                state: states.state(number, row: row, weight: fit.weights[number]),
                frequency: UInt16(clamping: Int(fit.weights[number])))
        }
        report.sharedRows = used.count
    }
}
