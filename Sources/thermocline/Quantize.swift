internal import ArgumentParser
internal import EmbeddingStore
internal import Foundation

/// Writes a table in another precision, without a server.
struct Quantize: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes a store in which a table has another precision on disk.",
        discussion: """
            Works on a data directory or checkpoint that no server has open, and changes nothing \
            there: the result is a new folder, with all other tables as they are. Rows are rounded \
            to the nearest; optimizer state and frequencies stay.
            """)

    @OptionGroup var source: OfflineSource
    @OptionGroup var result: OfflineResult

    @Option(
        help: ArgumentHelp(
            "Precision on disk: int16, int8, float16 or float32.", valueName: "PRECISION"),
        transform: EmbeddingStore.Precision.argument)
    var to: EmbeddingStore.Precision

    @Option(
        help: ArgumentHelp(
            "Precision in memory, too. Default: as it is.", valueName: "PRECISION"),
        transform: EmbeddingStore.Precision.argument)
    var hot: EmbeddingStore.Precision?

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let store = try source.open(copyBeside: result.path)
        var progress = OfflineProgress("quantize")
        let done = try store.quantize(table: result.table, to: to, hot: hot, output: result.path) {
            progress.show("", $0, of: $1)
        }
        StandardError.clearProgress()
        let report = QuantizeReport(done, path: result.path, table: result.table, to: to)
        print(json ? try JSONText.of(report) : report.text)
    }
}

/// What `quantize` has done, as it prints it.
struct QuantizeReport: Encodable {
    var path: String
    var table: String
    var precision: String
    var rows: Int
    var rmsError: Double
    var relativeError: Double
    var largestError: Double
    var clippedShare: Double
    var bytesBefore: Int
    var bytesAfter: Int
    var seconds: Double
    var rowsPerSecond: Double

    init(
        _ done: QuantizationReport, path: String, table: String, to: EmbeddingStore.Precision
    ) {
        self.path = path
        self.table = table
        precision = "\(to)"
        rows = done.rows
        rmsError = done.error.rms
        relativeError = done.error.relative
        largestError = done.error.largest
        clippedShare = done.error.clippedShare
        bytesBefore = done.bytesBefore
        bytesAfter = done.bytesAfter
        seconds = done.seconds
        rowsPerSecond = Double(done.rows) / max(done.seconds, 1e-9)
    }

    var text: String {
        """
        \(path): table \(table) is \(precision) on disk
        rows            \(rows)
        RMS error       \(String(format: "%.3g", rmsError))
        relative error  \(String(format: "%.3g", relativeError))
        largest error   \(String(format: "%.3g", largestError))
        clipped         \(Units.percent(clippedShare))
        before          \(Units.bytes(UInt64(bytesBefore)))
        after           \(Units.bytes(UInt64(bytesAfter)))
        rows/s          \(Units.rate(rowsPerSecond))
        """
    }
}
