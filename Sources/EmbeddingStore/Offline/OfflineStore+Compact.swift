extension OfflineStore {
    /// Makes a store, in a folder that must not exist, whose table has lost the rows that the options
    /// say and those that have outlived its time to live, has the scheme that they say, and lies on
    /// disk as closely as it can; otherwise it is what this one is. Blocks.
    ///
    /// Every row that stays is rounded to the nearest of the table's precision on disk; one that was
    /// there in it already stays as it is, bit for bit.
    ///
    /// Throws `unknownTable`, `cannotCreate`, `invalidSchema` or `unsupported` for a scheme that the
    /// table cannot get or an age that it does not keep, `nonFinite` for a row on disk that is no
    /// numbers, `damaged`, `storageFailed` or `storageFull`; then the folder is not there.
    public func compact(
        table name: String, _ options: CompactionOptions, output: String,
        progress: ((_ stage: CompactionStage, _ done: Int, _ total: Int) -> Void)? = nil
    ) throws(StoreError) -> CompactionReport {
        let table = try table(named: name)
        var schema = table.schema
        if options.ageMax != nil, schema.timeToLive == 0 { throw .keepsNoTimes(table: name) }
        guard let scheme = options.scheme, scheme != schema.scheme else {
            if options.countMin > 0 || options.ageMax != nil, schema.firstSharedKey == 0 {
                throw .hasNoOwnRows(table: name)
            }
            return try compact(table, to: schema, sharing: nil, options, output, progress)
        }
        guard schema.scheme == .full else {
            throw .unsupported(
                "only a table of scheme full can get another: which ids table '\(name)' has, its rows do not say"
            )
        }
        schema.scheme = scheme
        schema.admissionCount = options.admissionCount
        try schema.validate()
        let sharing = try RowSharing(schema) { () throws(StoreError) in try table.largestKey() }
        if let sharing {
            let bytes = SharedRowFit.memoryBytes(
                rowCount: sharing.rowCount, rowDimension: schema.rowDimension, rule: sharing.rule)
            guard bytes <= options.memoryBytes else {
                throw .unsupported(
                    "fitting \(sharing.rowCount) shared rows takes \(bytes >> 20) MiB of memory, more than the \(options.memoryBytes >> 20) MiB that it may"
                )
            }
        }
        return try compact(table, to: schema, sharing: sharing, options, output, progress)
    }

    /// The same, with a schema whose scheme is that of `sharing`.
    func compact(
        _ table: OfflineTable, to schema: TableSchema, sharing: RowSharing?,
        _ options: CompactionOptions, _ output: String,
        _ progress: ((_ stage: CompactionStage, _ done: Int, _ total: Int) -> Void)?
    ) throws(StoreError) -> CompactionReport {
        let started = ContinuousClock.now
        let result = try StoreWriter(destination: output, copyOf: self)
        let writer = try result.replaceTable(named: table.name, schema)
        let work = Compaction(table, options, sharing, progress: progress)
        try work.run(writer, scratch: result.scratchFolder)
        _ = try result.finish()
        var report = work.report
        report.seconds = started.duration(to: .now) / .seconds(1)
        return report
    }
}
