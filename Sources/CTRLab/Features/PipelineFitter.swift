/// Collects from the training rows what a pipeline has to know.
struct PipelineFitter {
    private let plan: [FieldPlan]
    private let hashes: [FeatureHash]
    /// Of the ids of each field that is filtered.
    private var counts: [[UInt64: UInt32]]
    private var statistics: [NumberStatistics]

    private enum FieldPlan {
        case ids(countMin: Int)
        case number([NumberEncoding])
    }

    init(_ plan: FeaturePlan, _ schema: LogSchema) {
        self.plan = schema.fields.map { field in
            switch field.kind {
            case .ids: .ids(countMin: plan.idCountMinByField[field.name] ?? plan.idCountMin)
            case .number: .number(plan.numbersByField[field.name] ?? plan.numbers)
            }
        }
        hashes = schema.fields.map { FeatureHash(field: $0.name) }
        counts = schema.fields.map { _ in [:] }
        statistics = schema.fields.map { _ in NumberStatistics() }
    }

    mutating func add(_ row: ClickRow) {
        for value in row.values {
            switch plan[value.field] {
            case .ids(let countMin) where countMin > 1:
                let id = hashes[value.field].id(.value, row.bytes[value.text])
                counts[value.field][id, default: 0] &+= 1
            case .number where !value.isMissing:
                statistics[value.field].add(value.number)
            case .ids, .number:
                break
            }
        }
    }

    /// Whether a second reading is needed, to count labels; prepares it.
    mutating func beginLabels() -> Bool {
        var needed = false
        for (field, plan) in plan.enumerated() {
            guard case .number(let encodings) = plan,
                encodings.contains(where: { if case .tree = $0 { true } else { false } })
            else { continue }
            statistics[field].labels = LabelHistogram(statistics[field].sketch)
            needed = true
        }
        return needed
    }

    mutating func addLabels(_ row: ClickRow) {
        for value in row.values where !value.isMissing {
            statistics[value.field].labels?.add(value.number, label: row.labels[0])
        }
    }

    var fields: [FeaturePipeline.FittedField] {
        plan.indices.map { field in
            switch plan[field] {
            case .ids(let countMin) where countMin > 1:
                .ids(kept: counts[field].filter { $0.value >= countMin }.map(\.key).sorted())
            case .ids:
                .ids(kept: nil)
            case .number(let encodings):
                .number(encodings.map { FittedNumber($0, statistics[field]) })
            }
        }
    }
}
