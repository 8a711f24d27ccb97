/// The work of a compaction: passes over one table of a store, of which the last writes.
final class Compaction {
    typealias Progress = (_ stage: CompactionStage, _ done: Int, _ total: Int) -> Void

    private let table: OfflineTable
    private let options: CompactionOptions
    private let sharing: RowSharing?
    private let progress: Progress?
    private let firstSharedKey: UInt64?
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
        firstSharedKey = table.schema.firstSharedKey
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

    /// Rows that ids share belong to none of them, and stay.
    private func isRare(_ row: StoredRow) -> Bool {
        Int(row.frequency) < options.countMin && firstSharedKey.map { row.key < $0 } ?? true
    }

    private func isKept(_ row: StoredRow) -> Bool { !isRare(row) }

    /// Finds the shared rows.
    private func fitted(
        _ sharing: RowSharing, scratch: String
    ) throws(StoreError) -> SharedRowFit {
        try forEachRow(.counting) { row in
            if row.key < sharing.firstKeyTaken { choice.add(frequency: row.frequency) }
        }
        let fit = try SharedRowFit(sharing, dimension: table.rowDimension, scratch: scratch)
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
        var served = [Float](repeating: 0, count: table.rowDimension)
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
