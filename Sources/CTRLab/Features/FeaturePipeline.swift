public import Foundation

/// How the rows of a log become features, with everything that was learnt from the training rows:
/// can be saved, and applied to new rows of the same kind.
public struct FeaturePipeline: Sendable, Hashable, Codable {
    public let schema: LogSchema
    let fields: [FittedField]

    enum FittedField: Sendable, Hashable, Codable {
        /// Ids; of those that were counted only the `kept` stay, ascending. Nil keeps all.
        case ids(kept: [UInt64]?)
        case number([FittedNumber])
    }

    /// Learns from the training rows, in one reading, or in two when trees are planned.
    ///
    /// Throws as the reading does, and `badSettings` for a plan that does not fit the log.
    public static func fit(_ plan: FeaturePlan, _ log: SplitLog) throws -> FeaturePipeline {
        let schema = log.schema
        try plan.validate(schema)
        var fitter = PipelineFitter(plan, schema)
        try log.forEachRow(of: [.training]) { row, _ in fitter.add(row) }
        if fitter.beginLabels() {
            try log.forEachRow(of: [.training]) { row, _ in fitter.addLabels(row) }
        }
        return FeaturePipeline(schema: schema, fields: fitter.fields)
    }

    /// What its features are.
    public var shape: FeatureShape {
        var shape = FeatureShape(fields: 0, numbers: 0, labels: schema.labels.count)
        for field in fields {
            switch field {
            case .ids:
                shape.fields += 1
            case .number(let encodings):
                let ids = encodings.count(where: \.encoding.makesIDs)
                shape.fields += ids
                shape.numbers += encodings.count - ids
            }
        }
        return shape
    }

    /// The place of a field of ids among the fields of the features; nil where there is none.
    public func featureField(named name: String) -> Int? {
        var place = 0
        for (field, fitted) in zip(schema.fields, fields) {
            switch fitted {
            case .ids:
                if field.name == name { return place }
                place += 1
            case .number(let encodings):
                place += encodings.count(where: \.encoding.makesIDs)
            }
        }
        return nil
    }

    /// The pipeline as JSON.
    public func data() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return try encoder.encode(self)
    }

    /// Reads what ``data()`` has made; throws `badInput` for anything else.
    public init(_ data: Data) throws(CTRLabError) {
        do {
            self = try JSONDecoder().decode(FeaturePipeline.self, from: data)
        } catch {
            throw .badInput("not a saved feature pipeline: \(error)")
        }
        guard fields.count == schema.fields.count else {
            throw .badInput("not a saved feature pipeline: \(fields.count) fields are fitted")
        }
    }

    init(schema: LogSchema, fields: [FittedField]) {
        self.schema = schema
        self.fields = fields
    }
}
