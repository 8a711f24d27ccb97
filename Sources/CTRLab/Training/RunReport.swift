/// What came of training one model on one table, as it is told and collected.
public struct RunReport: Sendable, Hashable, Codable {
    public struct Bytes: Sendable, Hashable, Codable {
        public var rows: Int
        public var optimizerState: Int
        public var index: Int
        public var network: Int
    }

    public var model: String
    public var scheme: String
    /// Of rows in memory.
    public var precision: String
    /// Bytes of a row of its own in float32 for each training id, over the bytes of the rows.
    public var ratio: Double
    public var bytes: Bytes
    public var testAUC: Double
    public var testLogloss: Double
    public var testCalibration: Double
    public var testGroupAUC: Double?
    public var validAUC: Double
    public var validLogloss: Double
    /// The best one on validation, which the figures are of.
    public var epochs: Int
    public var epochsRun: Int
    public var seed: UInt64
    public var samplesPerSecond: Double
    public var seconds: Double

    /// - Parameters:
    ///   - scheme, precision: words for those of the table.
    ///   - fullBytes: of a row of its own in float32 for each training id.
    public init(
        _ settings: TrainingSettings, scheme: String, precision: String, fullBytes: Int,
        bytes: TableBytes, result: Trainer.Result
    ) {
        model = settings.model.rawValue
        self.scheme = scheme
        self.precision = precision
        ratio = Double(fullBytes) / Double(max(bytes.rows, 1))
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
}
