/// The work of a compaction: passes over one table of a store, of which the last writes.
final class Compaction {
    typealias Progress = (_ stage: CompactionStage, _ done: Int, _ total: Int) -> Void

    private let table: OfflineTable
    private let options: CompactionOptions
    private let sharing: RowSharing?
    private let progress: Progress?
    private let firstSharedKey: UInt64?
    private let lifetime: Lifetime?
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
        lifetime = Lifetime(table.schema)
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
            if fate(of: row) == .stays { try body(row) }
        }
    }

    private enum Fate { case stays, isExpired, isRare }

    /// What has outlived the table's time to live is not served either. Otherwise rows that ids share
    /// stay: they belong to none of them.
    private func fate(of row: StoredRow) -> Fate {
        if let lifetime, lifetime.isOver(lastUse: row.lastUse, now: options.now) {
            return .isExpired
        }
        if let firstSharedKey, row.key >= firstSharedKey { return .stays }
        if let ageMax = options.ageMax,
            Lifetime.age(lastUse: row.lastUse, now: options.now) > ageMax
        {
            return .isExpired
        }
        return Int(row.frequency) < options.countMin ? .isRare : .stays
    }

    /// Finds the shared rows.
    private func fitted(
        _ sharing: RowSharing, scratch: String
    ) throws(StoreError) -> SharedRowFit {
        try forEachRow(.counting) { row in
            if row.key < sharing.firstKeyTaken { choice.add(frequency: row.frequency) }
        }
        let fit = try SharedRowFit(sharing, dimension: table.rowDimension, scratch: scratch)
        let sharers: SharedRowFit.Rows = { [self] (body) throws(StoreError) in
            var pass = choice.pass(sharing.own)
            try forEachRow(.reading) { (row) throws(StoreError) in
                if row.key < sharing.firstKeyTaken, pass.takes(frequency: row.frequency) { return }
                try body(row.key, row.values, Self.weight(row))
            }
        }
        try sharers { (id, row, weight) throws(StoreError) in
            try fit.add(id, row, weight: weight)
        }
        let result = try fit.solve(
            tolerance: options.tolerance, iterationsMax: options.iterationsMax,
            forEachRow: sharers
        ) { [progress, options] in progress?(.fitting, $0, options.iterationsMax) }
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
            switch fate(of: row) {
            case .stays: break
            case .isExpired:
                report.expiredRows += 1
                return
            case .isRare:
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
                frequency: UInt16(clamping: Int(fit.weights[number])), lastUse: options.now)
        }
        report.sharedRows = used.count
    }
}
