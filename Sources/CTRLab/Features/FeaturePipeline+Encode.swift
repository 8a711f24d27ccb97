extension FeaturePipeline {
    /// The rows of a log as features, by part.
    ///
    /// Throws `badInput` when a part has no rows or only one class, and when the log is not of the
    /// kind that the pipeline was fitted on.
    ///
    /// - Returns: the parts, and the malformed lines of the files.
    public func encode(
        _ log: SplitLog
    ) throws -> (
        training: EncodedLog, validation: EncodedLog, test: EncodedLog, malformed: [MalformedLines]
    ) {
        guard log.schema == schema else {
            throw CTRLabError.badInput(
                "the log's fields are not those that the feature pipeline was fitted on")
        }
        var encoders = Part.allCases.map { _ in RowEncoder(self) }
        let malformed = try log.forEachRow(of: Set(Part.allCases)) { row, part in
            encoders[part.rawValue].add(row)
        }
        let logs = encoders.map { $0.encoded() }
        for (log, part) in zip(logs, ["training", "validation", "test"]) {
            try log.checkClasses(part, schema.labels)
        }
        return (logs[0], logs[1], logs[2], malformed)
    }
}
