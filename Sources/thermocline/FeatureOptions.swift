internal import ArgumentParser
internal import CTRLab
internal import Foundation

/// What the rows of a click log become, and which are for what.
struct FeatureOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How the rows of FILES are divided, unless --valid and --test are given.",
            discussion: """
                sequential:TRAIN,VALID,TEST and random:TRAIN,VALID,TEST,SEED with shares, \
                rows:TRAIN,VALID,TEST with numbers of rows. Default: sequential:0.8,0.1,0.1.
                """, valueName: "spec"),
        transform: SchemaSyntax.checked(FeatureSyntax.split))
    var split: Split?

    @Option(help: ArgumentHelp("File of the validation rows.", valueName: "file"))
    var valid: String?

    @Option(help: ArgumentHelp("File of the test rows.", valueName: "file"))
    var test: String?

    @Option(
        help: ArgumentHelp(
            "Times that an id comes in the training rows to be told apart from other rare ones.",
            valueName: "n"))
    var idCountMin = 1

    @Option(
        name: .customLong("id-count-min-field"),
        help: ArgumentHelp(
            "The same for one field; may be given several times.", valueName: "name=n"),
        transform: SchemaSyntax.checked(FeatureSyntax.fieldCount))
    var idCountMinFields: [(name: String, count: Int)] = []

    @Option(
        help: ArgumentHelp(
            "What numbers become; several joined by +.",
            discussion: """
                normalized:BINS, raw, sqrt, square, log: numbers for the network. \
                equal-frequency:BINS, equal-width:BINS, log-buckets, tree:LEAVES, scaled: ids. \
                Default: equal-frequency:64.
                """, valueName: "spec"),
        transform: SchemaSyntax.checked(FeatureSyntax.numbers))
    var numbers: [NumberEncoding] = [.equalFrequency(bins: 64)]

    @Option(
        name: .customLong("number-field"),
        help: ArgumentHelp(
            "The same for one field; may be given several times.", valueName: "name=spec"),
        transform: SchemaSyntax.checked(FeatureSyntax.numberField))
    var numberFields: [(name: String, encodings: [NumberEncoding])] = []

    @Option(
        help: ArgumentHelp(
            "A saved feature pipeline to apply, instead of one learnt from the training rows.",
            valueName: "file"))
    var features: String?

    @Option(
        help: ArgumentHelp("Where to save the feature pipeline that is learnt.", valueName: "file"))
    var saveFeatures: String?

    @Option(
        help: ArgumentHelp("A field of ids, for the AUC within its groups.", valueName: "name"))
    var groupField: String?

    func validate() throws {
        if (valid == nil) != (test == nil) {
            throw ValidationError("--valid and --test go together")
        }
        if valid != nil, split != nil {
            throw ValidationError("--split divides one log; it does not go with --valid and --test")
        }
        if features != nil, saveFeatures != nil {
            throw ValidationError(
                "--features is saved already; it does not go with --save-features")
        }
        if idCountMin < 1 { throw ValidationError("--id-count-min is at least 1") }
    }

    /// Reads the files and turns their rows into features.
    func logs(_ files: [String], _ options: LogOptions) throws -> Trainer.Logs {
        let log = try options.log(files)
        let parts: SplitLog
        if let valid, let test {
            parts = .files(
                training: log, validation: log.reading([valid]), test: log.reading([test]))
        } else {
            parts = .divided(
                log, split ?? .sequential(training: 0.8, validation: 0.1, test: 0.1))
        }
        let pipeline = try pipeline(parts)
        let group = try groupField.map { name in
            guard let field = pipeline.featureField(named: name) else {
                throw CTRLabError.badInput("there is no field of ids \(name.debugDescription)")
            }
            return field
        }
        let encoded = try pipeline.encode(parts)
        LogOptions.warn(encoded.malformed)
        return Trainer.Logs(
            training: encoded.training, validation: encoded.validation, test: encoded.test,
            groupField: group)
    }

    private func pipeline(_ parts: SplitLog) throws -> FeaturePipeline {
        if let features {
            guard let data = FileManager.default.contents(atPath: features) else {
                throw CTRLabError.unreadable("cannot read \(features)")
            }
            return try FeaturePipeline(data)
        }
        let byField = Dictionary(
            numberFields.map { ($0.name, $0.encodings) }, uniquingKeysWith: { $1 })
        let plan = FeaturePlan(
            idCountMin: idCountMin,
            idCountMinByField: Dictionary(
                idCountMinFields.map { ($0.name, $0.count) }, uniquingKeysWith: { $1 }),
            numbers: numbers, numbersByField: byField)
        let pipeline = try FeaturePipeline.fit(plan, parts)
        if let saveFeatures {
            let file = try TextFile(path: saveFeatures)
            try file.write(pipeline.data())
            try file.finish()
        }
        return pipeline
    }
}
