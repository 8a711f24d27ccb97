internal import ArgumentParser
internal import CTRLab
internal import EmbeddingServer
internal import EmbeddingStore
internal import EmbeddingWire
internal import Foundation

/// `thermocline tradeoff`.
struct Tradeoff: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compares ways to save memory by what they cost in AUC.",
        discussion: """
            Trains one model with every contestant at every ratio, precision and seed, each on a \
            table of its own in a store. The full table is tuned first, over --tune-learning-rates \
            and --tune-l2, and its settings are everybody's. Ratios compare the bytes of rows in one \
            precision; a lower precision makes them smaller still.

            OUT has runs.jsonl with every finished run, tradeoff.csv, tradeoff.json, \
            tradeoff.html and tradeoff.svg. A comparison that was interrupted goes on where it \
            was when it is given the same OUT.
            """)

    @Argument(
        help: ArgumentHelp(
            "Files of the log; with --valid and --test of its training rows.", valueName: "file"))
    var files: [String]

    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp("Folder for what comes out; it is made.", valueName: "folder"))
    var output: String

    @OptionGroup(title: "Comparison") var comparison: ComparisonOptions
    @OptionGroup(title: "Click log") var log: LogOptions
    @OptionGroup(title: "Features") var features: FeatureOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Rows") var rows: RowOptions

    @Option(help: "Memory of the store: KiB, MiB or GiB. Rows beyond it are on disk.")
    var memory = ByteSize(bytes: 1 << 30)

    @Flag(help: "Print every run as a line of JSON.")
    var json = false

    func run() async throws {
        defer { StandardError.clearProgress() }
        StandardError.showProgress("tradeoff: reading")
        let logs = try features.logs(files, log)
        let settings = settings()
        try settings.validate()
        let folder = URL(filePath: output)
        do {
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: true)
        } catch {
            throw Failure(
                .cannotCreate, "cannot make \(output): \(error.localizedDescription)")
        }
        let journal = try RunJournal(path: folder.appending(path: "runs.jsonl").path)
        let progress = TradeoffProgress()
        let records = try await CTRLab.Tradeoff(
            settings, logs: logs, journal: journal,
            store: ScratchStore(memoryBytes: memory.bytes), words: Self.words,
            report: progress.show
        ).run()
        StandardError.clearProgress()
        let summary = try TradeoffSummary(records)
        try write(summary, records, to: folder)
        if json {
            for record in records { print(try JSONText.line(of: record)) }
        } else {
            print(Self.text(summary))
        }
    }

    private func settings() -> TradeoffSettings {
        let training = model.settings(
            dimension: Int(rows.dimension ?? RowOptions.dimensionDefault), seed: 0)
        let schema = EmbeddingWire.TableSchema(
            dimension: UInt32(clamping: training.rowDimension), optimizer: rows.optimizer,
            initializer: rows.initializer)
        return TradeoffSettings(
            contestants: comparison.contestants, ratios: comparison.ratios,
            precisions: comparison.precisions, seeds: comparison.seedList,
            ownShares: comparison.ownShares, training: training,
            schema: EmbeddingStore.TableSchema(wire: schema),
            learningRates: comparison.tuneLearningRates, embeddingL2s: comparison.tuneL2)
    }

    /// A table's scheme and precision as they are written on the command line.
    private static func words(
        _ schema: EmbeddingStore.TableSchema
    ) -> (scheme: String, precision: String) {
        let schema = EmbeddingWire.TableSchema(schema)
        let scheme = SchemaSyntax.text(schema.scheme, admissionCount: schema.admissionCount)
        return (scheme, "\(schema.hot)")
    }

    // MARK: What comes out

    private func write(
        _ summary: TradeoffSummary, _ records: [TradeoffRecord], to folder: URL
    ) throws {
        struct Whole: Encodable {
            var summary: TradeoffSummary
            var runs: [TradeoffRecord]
        }
        let files = [
            "tradeoff.csv": summary.csv,
            "tradeoff.json": try JSONText.of(Whole(summary: summary, runs: records)) + "\n",
            "tradeoff.svg": TradeoffChart(summary).svg,
            "tradeoff.html": TradeoffPage(summary).html,
        ]
        for (name, text) in files {
            let file = try TextFile(path: folder.appending(path: name).path)
            try file.write(text.utf8)
            try file.finish()
        }
    }

    private static func text(_ summary: TradeoffSummary) -> String {
        func figure(_ spread: Spread?) -> String {
            spread.map { String(format: "%.5f ± %.5f", $0.mean, $0.deviation) } ?? ""
        }
        var table = TextTable(
            header: [
                "CONTESTANT", "VARIANT", "PRECISION", "RATIO", "ROWS", "STATE", "INDEX",
                "NETWORK", "TEST AUC", "LOGLOSS", "AGAINST FULL", "SEEDS", "TIME", "FRONT",
            ], numbers: [3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
        for point in summary.points {
            table.add([
                point.contestant.rawValue, point.variant, point.precision,
                String(format: "%.1f", point.ratio),
                Units.bytes(UInt64(point.bytes.rows)),
                Units.bytes(UInt64(point.bytes.optimizerState)),
                Units.bytes(UInt64(point.bytes.index)),
                Units.bytes(UInt64(point.bytes.network)), figure(point.testAUC),
                String(format: "%.5f", point.testLogloss.mean), figure(point.againstFull),
                "\(point.seeds)", Units.duration(seconds: point.seconds),
                point.isOnFront ? "*" : "",
            ])
        }
        return table.text
    }
}
