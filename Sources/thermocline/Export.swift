internal import ArgumentParser
internal import EmbeddingStore
internal import Foundation
internal import RowFiles

/// `thermocline export`.
struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Writes a table's ids and rows to a file, without a server.",
        discussion: """
            Works on a data directory or checkpoint that no server has open, and changes nothing \
            there. Rows come in ascending order of id, as float32 or float16; optimizer state stays \
            behind. The file must not exist, and has its name once it is whole.
            """)

    @OptionGroup var source: OfflineSource

    @Option(help: ArgumentHelp("The table's name.", valueName: "NAME"))
    var table: String

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
        let store = try source.open()
        let table = try store.table(named: table)
        guard table.schema.scheme == .full else {
            throw Failure(
                .configuration,
                "table '\(table.name)' does not have a row for each id: its scheme is "
                    + "\(table.schema.scheme)")
        }
        let writer = try format.writer(
            path: OfflineSource.absolute(output), rowCount: table.rowCount,
            dimension: table.schema.dimension, element: element)
        var progress = OfflineProgress("export")
        try RowExport(table, to: writer).run { progress.show("writing", $0, of: $1) }
        StandardError.clearProgress()
        let report = RowExchangeReport(
            path: output, table: table.name, format: format, rows: table.rowCount,
            dimension: table.schema.dimension, since: started)
        print(json ? try JSONText.of(report) : report.text)
    }
}

/// Rows from a table on disk into a file, a batch at a time.
private struct RowExport {
    private let table: OfflineTable
    private let writer: any RowWriter

    private static let batchRows = 4096

    init(_ table: OfflineTable, to writer: any RowWriter) {
        self.table = table
        self.writer = writer
    }

    func run(progress: @escaping (Int, Int) -> Void) throws {
        var batch = RowBatch()
        var rows = 0
        // A scan knows no errors of files.
        var failure: RowFileError?
        func write() throws(StoreError) {
            rows += batch.ids.count
            guard rows <= table.rowCount else {
                throw .damaged("table '\(table.name)' has more than \(table.rowCount) rows")
            }
            do throws(RowFileError) {
                try writer.write(batch)
            } catch {
                failure = error
                throw .storageFailed("\(error)")
            }
            batch.ids.removeAll(keepingCapacity: true)
            batch.values.removeAll(keepingCapacity: true)
        }
        do {
            try table.scanFinite(progress: progress) { (row) throws(StoreError) in
                batch.ids.append(row.key)
                batch.values.append(contentsOf: row.values)
                if batch.ids.count == Self.batchRows { try write() }
            }
            try write()
        } catch {
            throw failure ?? error as any Error
        }
        guard rows == table.rowCount else {
            throw StoreError.damaged(
                "table '\(table.name)' has \(rows) rows, not \(table.rowCount)")
        }
        try writer.finish()
    }
}

/// What `export` or `import` has done, as it prints it.
struct RowExchangeReport: Encodable {
    var path: String
    var table: String
    var format: String
    var rows: Int
    var dimension: Int
    var seconds: Double
    var rowsPerSecond: Double

    init(
        path: String, table: String, format: RowFileFormat, rows: Int, dimension: Int,
        since started: ContinuousClock.Instant
    ) {
        self.path = path
        self.table = table
        self.format = format.rawValue
        self.rows = rows
        self.dimension = dimension
        seconds = (ContinuousClock.now - started) / .seconds(1)
        rowsPerSecond = Double(rows) / max(seconds, 1e-9)
    }

    var text: String {
        "\(path): \(Units.count(UInt64(rows))) rows of dimension \(dimension), \(format), "
            + "\(Units.rate(rowsPerSecond)) rows/s"
    }
}
