internal import CTRLab
internal import EmbeddingWire
internal import Foundation

/// What came of training a model on a table.
struct TrainReport: Encodable {
    struct Bytes: Encodable {
        var rows: Int
        var optimizerState: Int
        var index: Int
        var network: Int
    }

    var model: String
    var scheme: String
    /// Of rows in memory.
    var precision: String
    /// Bytes of a row of its own in float32 for each training id, over the bytes of the rows.
    var ratio: Double
    var bytes: Bytes
    var testAUC: Double
    var testLogloss: Double
    var testCalibration: Double
    var testGroupAUC: Double?
    var validAUC: Double
    var validLogloss: Double
    /// The best one on validation, which the figures are of.
    var epochs: Int
    var epochsRun: Int
    var seed: UInt64
    var samplesPerSecond: Double
    var seconds: Double

    /// - Parameter ids: distinct ids of the training rows.
    init(
        settings: TrainingSettings, schema: TableSchema, ids: Int, bytes: TableBytes,
        result: Trainer.Result
    ) {
        model = settings.model.rawValue
        scheme = SchemaSyntax.text(schema.scheme, admissionCount: schema.admissionCount)
        precision = "\(schema.hot)"
        ratio = Double(ids * settings.rowDimension * 4) / Double(max(bytes.rows, 1))
        self.bytes = Bytes(
            rows: bytes.rows, optimizerState: bytes.optimizerState, index: bytes.index,
            network: result.networkBytes)
        testAUC = result.test.auc
        testLogloss = result.test.logloss
        testCalibration = result.test.calibration
        testGroupAUC = result.test.groupAUC
        validAUC = result.validation.auc
        validLogloss = result.validation.logloss
        epochs = result.bestEpoch
        epochsRun = result.epochsRun
        seed = settings.seed
        samplesPerSecond = result.samplesPerSecond
        seconds = result.seconds
    }

    /// JSON in one line, as many runs are collected in a file.
    func line() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    var text: String {
        func figure(_ value: Double) -> String { String(format: "%.5f", value) }
        var table = TextTable(numbers: [1])
        table.add("model", model)
        table.add("scheme", scheme)
        table.add("precision", precision)
        table.add("test AUC", figure(testAUC))
        table.add("test logloss", figure(testLogloss))
        table.add("test calibration", figure(testCalibration))
        if let testGroupAUC { table.add("test group AUC", figure(testGroupAUC)) }
        table.add("validation AUC", figure(validAUC))
        table.add("validation logloss", figure(validLogloss))
        table.add("best epoch", "\(epochs) of \(epochsRun)")
        table.add("rows", Units.bytes(UInt64(bytes.rows)))
        table.add("optimizer state", Units.bytes(UInt64(bytes.optimizerState)))
        table.add("index", Units.bytes(UInt64(bytes.index)))
        table.add("network", Units.bytes(UInt64(bytes.network)))
        table.add("compression", String(format: "%.2f", ratio))
        table.add("samples/s", Units.rate(samplesPerSecond))
        table.add("time", Units.duration(seconds: seconds))
        return table.text
    }
}
