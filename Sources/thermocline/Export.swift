internal import ArgumentParser
internal import EmbeddingServer
internal import EmbeddingStore
internal import EmbeddingWire
internal import Foundation
internal import RowFiles

/// `thermocline export`.
struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Writes a table's ids and rows to a file, without a server.",
        discussion: """
            Works on a data directory or checkpoint that no server has open, and changes nothing \
            there. Rows that belong to one id come in ascending order of id, as float32 or float16; \
            optimizer state and what has outlived the table's time to live stay behind. Where ids \
            share rows, --ids says of which to write what a server would answer. The file must not \
            exist, and has its name once it is whole.
            """)

    @OptionGroup var source: OfflineSource

    @Option(help: ArgumentHelp("The table's name.", valueName: "NAME"))
    var table: String

    @Option(
        help: ArgumentHelp(
            """
            Write what these ids are served, in the order of the file, which has an id on each line; \
            a count behind it is passed over. Ids without a row get the table's default row.
            """, valueName: "FILE"))
    var ids: String?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("The file to write; for npy a folder.", valueName: "FILE"))
    var output: String

    @Option(help: "safetensors, npy, word2vec or csv (default: what the file's name says).")
    var format: RowFileFormat?

    @Option(help: "Floats in safetensors and npy: float32 or float16.")
    var element = RowElement.float32

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let format = try RowFileFormat.of(output, format)
        let started = ContinuousClock.now
        let table = try source.open().table(named: table)
        let export = RowExport(
            table: table, format: format, path: OfflineSource.absolute(output), element: element)
        let done: (rows: Int, absent: Int?)
        if let ids {
            done = try export.writeServed(idsIn: ids)
        } else if table.hasOwnRows {
            done = (try export.writeOwn(), nil)
        } else {
            let schema = EmbeddingWire.TableSchema(table.schema)
            let scheme = SchemaSyntax.text(schema.scheme, admissionCount: schema.admissionCount)
            throw Failure(
                .usage,
                "table '\(table.name)' does not say which ids it has: its scheme is \(scheme); "
                    + "name them with --ids FILE")
        }
        StandardError.clearProgress()
        let report = RowExchangeReport(
            path: output, table: table.name, format: format, rows: done.rows, absent: done.absent,
            dimension: table.schema.dimension, since: started)
        print(json ? try JSONText.of(report) : report.text)
    }
}

/// Rows of a table on disk on their way into a file, a batch at a time.
private struct RowExport {
    let table: OfflineTable
    let format: RowFileFormat
    let path: String
    let element: RowElement

    private static let batchRows = 4096

    private func writer(rowCount: Int) throws -> any RowWriter {
        try format.writer(
            path: path, rowCount: rowCount, dimension: table.schema.dimension, element: element)
    }

    // MARK: rows of their own

    /// Writes the rows that belong to one id; returns how many there are.
    func writeOwn() throws -> Int {
        let now = UnixClock.system.now()
        let count = try countOwn(at: now)
        let writer = try writer(rowCount: count)
        var batch = RowBatch()
        var rows = 0
        // A scan knows no errors of files.
        var failure: RowFileError?
        func write() throws(StoreError) {
            rows += batch.ids.count
            guard rows <= count else { throw wrongCount(rows, count) }
            do throws(RowFileError) {
                try writer.write(batch)
            } catch {
                failure = error
                throw .storageFailed("\(error)")
            }
            batch.ids.removeAll(keepingCapacity: true)
            batch.values.removeAll(keepingCapacity: true)
        }
        var progress = OfflineProgress("export")
        do {
            try table.scanOwn(at: now, progress: { progress.show("writing", $0, of: $1) }) {
                (row) throws(StoreError) in
                batch.ids.append(row.key)
                batch.values.append(contentsOf: row.values)
                if batch.ids.count == Self.batchRows { try write() }
            }
            try write()
        } catch {
            throw failure ?? error as any Error
        }
        guard rows == count else { throw wrongCount(rows, count) }
        try writer.finish()
        return rows
    }

    /// Files say first how many rows they have.
    private func countOwn(at now: UInt32) throws(StoreError) -> Int {
        if table.schema.scheme == .full, table.schema.timeToLive == 0 { return table.rowCount }
        var rows = 0
        var progress = OfflineProgress("export")
        try table.scanOwn(at: now, progress: { progress.show("counting", $0, of: $1) }) { _ in
            rows += 1
        }
        return rows
    }

    private func wrongCount(_ rows: Int, _ expected: Int) -> StoreError {
        .damaged("table '\(table.name)' has \(rows) rows, not \(expected)")
    }

    // MARK: what ids are served

    /// Writes what the ids in a file are served; returns how many there are, and how many of them
    /// without a row.
    func writeServed(idsIn file: String) throws -> (rows: Int, absent: Int) {
        var count = 0
        try forEachBatch(file, "checking") { count += $0.count }
        let writer = try writer(rowCount: count)
        var rows = 0
        var absent = 0
        try forEachBatch(file, "writing") { ids in
            rows += ids.count
            guard rows <= count else { throw changed(file) }
            let served = try table.serve(ids)
            absent += served.found.count { !$0 }
            try writer.write(RowBatch(ids: ids, values: served.rows))
        }
        guard rows == count else { throw changed(file) }
        try writer.finish()
        return (rows, absent)
    }

    private func forEachBatch(
        _ file: String, _ stage: String, _ body: ([UInt64]) throws -> Void
    ) throws {
        let reader = try IDReader(path: file)
        var ids: [UInt64] = []
        var progress = OfflineProgress("export")
        while try reader.next(into: &ids, limit: Self.batchRows) {
            try body(ids)
            progress.show(stage, reader.bytesRead, of: reader.byteCount, unit: "bytes")
        }
    }

    private func changed(_ file: String) -> Failure {
        Failure(.badData, "\(file) changed while it was read")
    }
}

/// What `export` or `import` has done, as it prints it.
struct RowExchangeReport: Encodable {
    var path: String
    var table: String
    var format: String
    var rows: Int
    /// Ids that got the default row, because they have none; nil where all of them have one.
    var idsWithoutRow: Int?
    var dimension: Int
    var seconds: Double
    var rowsPerSecond: Double

    init(
        path: String, table: String, format: RowFileFormat, rows: Int, absent: Int? = nil,
        dimension: Int, since started: ContinuousClock.Instant
    ) {
        self.path = path
        self.table = table
        self.format = format.rawValue
        self.rows = rows
        idsWithoutRow = absent
        self.dimension = dimension
        seconds = (ContinuousClock.now - started) / .seconds(1)
        rowsPerSecond = Double(rows) / max(seconds, 1e-9)
    }

    var text: String {
        "\(path): \(Units.count(UInt64(rows))) rows of dimension \(dimension), \(format), "
            + "\(Units.rate(rowsPerSecond)) rows/s"
            + (idsWithoutRow.map { ", \($0) ids without a row" } ?? "")
    }
}
