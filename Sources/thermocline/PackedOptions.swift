internal import ArgumentParser
internal import EmbeddingStore
internal import Foundation

/// A packed file to be made of tables.
struct PackedOptions: ParsableArguments {
    @Option(
        name: .customLong("packed"),
        help: ArgumentHelp(
            "Write a packed file, which serve --packed and the Python client read.",
            valueName: "FILE"))
    var file: String?

    @Option(
        help: ArgumentHelp(
            "Precision of the packed rows: int16 (default) or int8.", valueName: "PRECISION"),
        transform: EmbeddingStore.Precision.argument)
    var precision: EmbeddingStore.Precision?

    @Option(
        help: ArgumentHelp(
            "Share of the rows, the most frequent, that are packed without compression "
                + "(default: 0.1).",
            valueName: "SHARE"))
    var frequent: Double?

    func validate() throws {
        guard (0...1).contains(frequent ?? 0) else {
            throw ValidationError("--frequent is from 0 to 1.")
        }
        guard Precision.packable.contains(precision ?? .int16) else {
            throw ValidationError("--precision is int16 or int8.")
        }
        guard file != nil || (precision == nil && frequent == nil) else {
            throw ValidationError("--precision and --frequent come with --packed.")
        }
    }

    /// Writes the tables of these names, or all, to `file`.
    func pack(_ store: OfflineStore, tables names: [String], to file: String) throws -> PackedReport
    {
        let started = ContinuousClock.now
        let tables =
            try names.isEmpty ? store.tables : names.map { try store.table(named: $0) }
        let path = OfflineSource.absolute(file)
        let writer = try PackedWriter(path: path)
        var summaries: [PackedWriter.Summary] = []
        for table in tables {
            var progress = OfflineProgress("pack \(table.name)")
            summaries.append(
                try writer.add(
                    table, precision: precision ?? .int16, frequentShare: frequent ?? 0.1
                ) { progress.show("rows", $0, of: $1, unit: "steps") })
        }
        let bytes = try writer.finish()
        StandardError.clearProgress()
        return PackedReport(
            path: path, bytes: bytes, tables: summaries,
            seconds: (ContinuousClock.now - started) / .seconds(1))
    }
}

/// What was packed, as `compact --packed` prints it.
struct PackedReport: Encodable {
    var path: String
    var bytes: Int
    var tables: [PackedWriter.Summary]
    var seconds: Double

    var text: String {
        var table = TextTable(
            header: [
                "NAME", "ROWS", "FREQUENT", "BEFORE", "PACKED", "BYTES/ROW", "INDEX/ROW",
                "COMPRESSED",
            ], numbers: [1, 2, 3, 4, 5, 6, 7])
        for entry in tables {
            func perRow(_ bytes: Int) -> String {
                String(format: "%.1f", Double(bytes) / Double(max(entry.rows, 1)))
            }
            table.add(
                entry.table, Units.count(UInt64(entry.rows)),
                Units.count(UInt64(entry.frequentRows)), Units.bytes(UInt64(entry.bytesBefore)),
                Units.bytes(UInt64(entry.bytesAfter)), perRow(entry.bytesAfter),
                perRow(entry.indexBytes),
                Units.percent(Double(entry.blocksCompressed) / Double(max(entry.blocks, 1))))
        }
        let rows = tables.reduce(0) { $0 + $1.rows }
        let expired = tables.reduce(0) { $0 + $1.expiredRows }
        return "\(path): \(Units.bytes(UInt64(bytes))), "
            + "\(Units.rate(Double(rows) / max(seconds, 1e-9))) rows/s"
            + (expired > 0 ? ", without \(Units.count(UInt64(expired))) expired rows" : "")
            + "\n\(table.text)"
    }
}
