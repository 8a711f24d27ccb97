internal import ArgumentParser
internal import CTRLab
internal import EmbeddingClient
internal import EmbeddingServer
internal import EmbeddingStore
internal import EmbeddingWire
internal import Foundation

/// `thermocline train`.
struct Train: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Trains one model on one table: loss and AUC as it goes.",
        discussion: """
            The rows of the embeddings are in a table of the store: of a store in this process, \
            which is gone afterwards unless --data is given, or of a running one where --server is \
            given (the variable THERMOCLINE_SERVER alone does not count). The table is made with \
            the schema options; --dim is the dimension of an embedding, and a row has one float \
            more for models with linear weights. The test figures are those of the epoch with the \
            best validation AUC.
            """)

    @Argument(
        help: ArgumentHelp(
            "Files of the log; with --valid and --test of its training rows.", valueName: "file"))
    var files: [String]

    @OptionGroup(title: "Click log") var log: LogOptions
    @OptionGroup(title: "Features") var features: FeatureOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Table") var schema: SchemaOptions

    @Option(help: ArgumentHelp("The table to make.", valueName: "name"))
    var table = "train"

    @Option(
        help: ArgumentHelp("Folder of the store that keeps the table.", valueName: "folder"))
    var data: String?

    @Option(help: "Memory of a store in this process: KiB, MiB or GiB.")
    var memory = ByteSize(bytes: 1 << 30)

    /// Of the rows of some batches, where the server is on this machine.
    private static let sharedReplyBytes = 32 << 20

    @OptionGroup(title: "Running server that keeps the table, instead of a store in this process")
    var server: ServerChoice

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        if server.server != nil, data != nil {
            throw ValidationError("the table is in the folder of --data or on the --server")
        }
    }

    func run() async throws {
        defer { StandardError.clearProgress() }
        StandardError.showProgress("train: reading")
        let settings = model.settings(dimension: Int(schema.schema.dimension), seed: schema.seed)
        let logs = try features.logs(files, log)
        var wire = schema.schema
        wire.dimension = UInt32(clamping: settings.rowDimension)
        let stored = EmbeddingStore.TableSchema(wire: wire)
        let report = try await withTable(wire, stored) { table in
            let trainer = try Trainer(settings, table: table, logs: logs, report: Self.show)
            let result = try await trainer.run()
            return RunReport(
                settings,
                scheme: SchemaSyntax.text(wire.scheme, admissionCount: wire.admissionCount),
                precision: "\(wire.hot)",
                fullBytes: 4 * logs.training.vocabulary.count * settings.rowDimension,
                bytes: try await table.bytes(), result: result)
        }
        StandardError.clearProgress()
        print(json ? try JSONText.line(of: report) : Self.text(report))
    }

    private static func text(_ report: RunReport) -> String {
        func figure(_ value: Double) -> String { String(format: "%.5f", value) }
        var table = TextTable(numbers: [1])
        table.add("model", report.model)
        table.add("scheme", report.scheme)
        table.add("precision", report.precision)
        table.add("test AUC", figure(report.testAUC))
        table.add("test logloss", figure(report.testLogloss))
        table.add("test calibration", figure(report.testCalibration))
        if let auc = report.testGroupAUC { table.add("test group AUC", figure(auc)) }
        table.add("validation AUC", figure(report.validAUC))
        table.add("validation logloss", figure(report.validLogloss))
        table.add("best epoch", "\(report.epochs) of \(report.epochsRun)")
        table.add("rows", Units.bytes(UInt64(report.bytes.rows)))
        table.add("optimizer state", Units.bytes(UInt64(report.bytes.optimizerState)))
        table.add("index", Units.bytes(UInt64(report.bytes.index)))
        table.add("network", Units.bytes(UInt64(report.bytes.network)))
        table.add("compression", String(format: "%.2f", report.ratio))
        table.add("samples/s", Units.rate(report.samplesPerSecond))
        table.add("time", Units.duration(seconds: report.seconds))
        return table.text
    }

    /// Calls `body` with a new table.
    private func withTable<Result>(
        _ wire: EmbeddingWire.TableSchema, _ stored: EmbeddingStore.TableSchema,
        _ body: (any RowTable) async throws -> Result
    ) async throws -> Result {
        // A server in the environment alone is not asked: training writes.
        if server.server != nil {
            return try await server.withClient(sharedReplyBytes: Self.sharedReplyBytes) { client in
                let table = try await client.createTable(self.table, schema: wire)
                return try await body(ServedTable(table, schema: stored))
            }
        }
        guard let data else {
            return try await ScratchStore(memoryBytes: memory.bytes).withTable(stored, body)
        }
        let store = try Store(path: data, options: .init(memoryBytes: memory.bytes))
        do {
            let table = try store.createTable(named: table, stored)
            let result = try await body(StoreTable(table))
            try store.close()
            return result
        } catch {
            // What went wrong first is what is told.
            try? store.close()
            throw error
        }
    }

    private static func show(_ progress: Trainer.Progress) {
        switch progress {
        case .step(let epoch, let examples, let all, let loss, let rate):
            StandardError.showProgress(
                "epoch \(epoch): \(examples * 100 / all) %, logloss "
                    + String(format: "%.4f", loss) + ", \(Units.rate(rate)) samples/s")
        case .epoch(let epoch, let loss, let validation, let isBest, let seconds):
            StandardError.clearProgress()
            StandardError.write(
                String(
                    format: "epoch %d  training logloss %.5f  validation AUC %.5f logloss %.5f"
                        + "  %.1f s%@\n", epoch, loss, validation.auc, validation.logloss,
                    seconds, isBest ? "  best" : ""))
        }
    }
}
