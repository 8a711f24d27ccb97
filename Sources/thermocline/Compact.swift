internal import ArgumentParser
internal import EmbeddingServer
internal import EmbeddingStore
internal import EmbeddingWire
internal import Foundation

/// Drops rows of a table, gives it another scheme and writes it closely, without a server.
struct Compact: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes a store in which a table is smaller, or a packed file.",
        discussion: """
            Works on a data directory or checkpoint that no server has open, and changes nothing \
            there: the result is a new folder, with all other tables as they are. Rows that stay \
            are rounded to the table's precision on disk. \
            With --packed the result is one file for inference, of all tables or those named.
            """)

    @OptionGroup var source: OfflineSource

    @Option(
        help: ArgumentHelp(
            "The table's name; with --packed it may be given more than once (default: all).",
            valueName: "NAME"))
    var table: [String] = []

    @Option(help: ArgumentHelp("The folder to make; must not exist.", valueName: "DIR"))
    var output: String?

    @OptionGroup(title: "A packed file") var packed: PackedOptions

    @Option(
        help: ArgumentHelp(
            "Drop rows that were used less often; counts are halved as time goes by.",
            valueName: "N"))
    var minCount = 0

    @Option(
        help: ArgumentHelp(
            """
            Drop rows last used more seconds ago; only in a table with a time to live, which keeps \
            these times. What has outlived that goes in any case.
            """, valueName: "SECONDS"))
    var maxAge: UInt32?

    @Option(
        help: ArgumentHelp(
            "Give a table of scheme full another scheme; shared rows are fitted to its rows.",
            discussion: """
                hashed:rows=N, double-hashed:rows=N,combine=sum, \
                frequency-double-hashed:own=N,shared=N,admit-after=N, \
                frequency-filtered:admit-after=N or quotient-remainder:rows=N,combine=sum; combine is \
                sum, concatenate or, for quotient-remainder, multiply.
                """,
            valueName: "SCHEME"),
        transform: SchemaSyntax.checked(SchemaSyntax.scheme))
    var to: (scheme: EmbeddingWire.Scheme, admissionCount: UInt32)?

    @Option(help: ArgumentHelp("Memory for fitting shared rows.", valueName: "SIZE"))
    var memory = ByteSize(bytes: 256 << 20)

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard (0...Int(UInt16.max)).contains(minCount) else {
            throw ValidationError("counts are 0…\(UInt16.max)")
        }
        guard maxAge != 0 else { throw ValidationError("--max-age is at least 1 second") }
        guard packed.file != nil || (table.count == 1 && output != nil) else {
            throw ValidationError("Give --table NAME and --output DIR, or --packed FILE.")
        }
        guard packed.file == nil || (output == nil && minCount == 0 && maxAge == nil && to == nil)
        else {
            throw ValidationError("--packed takes the tables as they are, and no --output.")
        }
    }

    func run() throws {
        if let file = packed.file {
            let report = try packed.pack(
                source.open(copyBeside: OfflineSource.absolute(file)), tables: table, to: file)
            return print(json ? try JSONText.of(report) : report.text)
        }
        // Both are there, as validated.
        let table = table[0]
        let path = OfflineSource.absolute(output ?? "")
        var options = CompactionOptions()
        options.countMin = minCount
        options.ageMax = maxAge
        options.memoryBytes = memory.bytes
        if let to {
            options.scheme = EmbeddingStore.Scheme(to.scheme)
            options.admissionCount = Int(to.admissionCount)
        }
        let store = try source.open(copyBeside: path)
        var progress = OfflineProgress("compact")
        let done = try store.compact(table: table, options, output: path) {
            stage, done, all in
            progress.show(
                stage.rawValue, done, of: all, unit: stage == .fitting ? "steps" : "rows")
        }
        StandardError.clearProgress()
        let report = CompactReport(done, path: path, table: table)
        print(json ? try JSONText.of(report) : report.text)
    }
}

/// What `compact` has done, as it prints it.
struct CompactReport: Encodable {
    struct Band: Encodable {
        var from: Int
        var to: Int
        var ids: Int
        var rmsError: Double
        var relativeError: Double
        var largestError: Double

        init(_ band: CompactionReport.Band) {
            from = band.low
            to = band.high
            ids = band.error.rows
            rmsError = band.error.rms
            relativeError = band.error.relative
            largestError = band.error.largest
        }
    }

    var path: String
    var table: String
    var rowsBefore: Int
    var rowsAfter: Int
    var rareRows: Int
    var expiredRows: Int
    var ownRows: Int
    var sharedRows: Int
    var bytesBefore: Int
    var bytesAfter: Int
    var bands: [Band]
    var rmsError: Double
    var relativeError: Double
    var fitSteps: Int
    var fitResidual: Double
    var seconds: Double
    var rowsPerSecond: Double

    init(_ done: CompactionReport, path: String, table: String) {
        self.path = path
        self.table = table
        rowsBefore = done.rowsBefore
        rowsAfter = done.rowsAfter
        rareRows = done.rareRows
        expiredRows = done.expiredRows
        ownRows = done.ownRows
        sharedRows = done.sharedRows
        bytesBefore = done.bytesBefore
        bytesAfter = done.bytesAfter
        bands = done.bands.map(Band.init)
        rmsError = done.error.rms
        relativeError = done.error.relative
        fitSteps = done.iterations
        fitResidual = done.residual
        seconds = done.seconds
        rowsPerSecond = Double(done.rowsBefore) / max(done.seconds, 1e-9)
    }

    var text: String {
        let perRow = Double(bytesAfter) / Double(max(rowsAfter, 1))
        var lines = [
            path,
            "table           \(table)",
            "rows            \(rowsBefore) before, \(rowsAfter) after",
            "dropped         \(rareRows) rare, \(expiredRows) expired",
        ]
        if sharedRows > 0 {
            lines += [
                "rows of ids     \(ownRows) of their own, \(sharedRows) shared",
                "fit             \(fitSteps) steps, residual "
                    + String(format: "%.2g", fitResidual),
            ]
        }
        lines += [
            "on disk         \(Units.bytes(UInt64(bytesBefore))) before, "
                + "\(Units.bytes(UInt64(bytesAfter))) after, "
                + String(format: "%.1f bytes a row", perRow),
            "relative error  " + String(format: "%.3g", relativeError),
            "rows/s          \(Units.rate(rowsPerSecond))",
        ]
        var table = TextTable(
            header: ["USES", "IDS", "RMS ERROR", "RELATIVE", "LARGEST"], numbers: [0, 1, 2, 3, 4])
        for band in bands {
            table.add(
                band.from == band.to ? "\(band.from)" : "\(band.from)–\(band.to)", "\(band.ids)",
                String(format: "%.3g", band.rmsError), String(format: "%.3g", band.relativeError),
                String(format: "%.3g", band.largestError))
        }
        return lines.joined(separator: "\n") + "\n\n" + table.text
    }
}
