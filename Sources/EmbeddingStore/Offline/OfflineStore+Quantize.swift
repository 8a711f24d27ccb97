/// What a table lost when it was written in another precision.
public struct QuantizationReport: Sendable {
    public var rows: Int
    public var error: RowError
    /// Of the table's files.
    public var bytesBefore: Int
    public var bytesAfter: Int
    public var seconds: Double
}

extension OfflineStore {
    /// Makes a store, in a folder that must not exist, whose table has another precision on disk,
    /// and otherwise is what this one is. Every row is rounded to the nearest. Blocks.
    ///
    /// - Parameters:
    ///   - table: the table's name.
    ///   - precision: the new precision on disk.
    ///   - hot: the new precision in memory; nil leaves it.
    ///   - output: the folder to make, an absolute path.
    ///
    /// Throws `unknownTable`, `unsupported` for a table of a network, `cannotCreate`, `nonFinite` for a row on disk that is no numbers,
    /// `damaged`, `storageFailed` or `storageFull`; then the folder is not there.
    public func quantize(
        table name: String, to precision: Precision, hot: Precision? = nil, output: String,
        progress: OfflineTable.Progress? = nil
    ) throws(StoreError) -> QuantizationReport {
        let started = ContinuousClock.now
        let table = try table(named: name)
        var schema = table.schema
        if case .deepHash = schema.scheme {
            throw .unsupported("the network of table '\(name)' stays as precise as it was trained")
        }
        schema.coldPrecision = precision
        if let hot { schema.hotPrecision = hot }
        let result = try StoreWriter(destination: output, copyOf: self)
        let writer = try result.replaceTable(named: name, schema)
        var error = RowError()
        var stored: [Float] = []
        try table.scanFinite(progress: progress) { (row) throws(StoreError) in
            try writer.append(row, as: &stored)
            error.add(row.values, stored: stored, limit: precision.largest)
        }
        try writer.finish()
        let bytes = writer.byteCount
        _ = try result.finish()
        return QuantizationReport(
            rows: error.rows, error: error, bytesBefore: table.byteCount, bytesAfter: bytes,
            seconds: started.duration(to: .now) / .seconds(1))
    }
}
