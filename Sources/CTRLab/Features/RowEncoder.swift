/// Turns rows into features, one after the other.
struct RowEncoder {
    private let pipeline: FeaturePipeline
    private let fields: [FieldEncoder]
    private var labels: [Float] = []
    private var numbers: [Float] = []
    private var places: [UInt64: UInt32] = [:]
    private var vocabulary: [UInt64] = []
    private var cells: [UInt32] = []
    private var weights: [Float] = []
    private var offsets: [UInt32] = [0]

    private enum FieldEncoder {
        case ids(FeatureHash, rare: UInt64, kept: Set<UInt64>?)
        case number([(fitted: FittedNumber, hash: FeatureHash)])
    }

    init(_ pipeline: FeaturePipeline) {
        self.pipeline = pipeline
        fields = zip(pipeline.schema.fields, pipeline.fields).map { field, fitted in
            let hash = FeatureHash(field: field.name)
            switch fitted {
            case .ids(let kept):
                return .ids(hash, rare: hash.id(.rare), kept: kept.map { Set($0) })
            case .number(let encodings):
                // Several kinds of buckets of one field have different ids.
                return .number(
                    encodings.enumerated().map { index, fitted in
                        let name = index == 0 ? field.name : "\(field.name)#\(index)"
                        return (fitted, FeatureHash(field: name))
                    })
            }
        }
    }

    mutating func add(_ row: ClickRow) {
        labels += row.labels
        var values = row.values[...]
        if zip(values, values.dropFirst()).contains(where: { $0.field > $1.field }) {
            // Those of one field keep their order.
            values =
                row.values.enumerated()
                .sorted { ($0.element.field, $0.offset) < ($1.element.field, $1.offset) }
                .map(\.element)[...]
        }
        for (field, encoder) in fields.enumerated() {
            let end = values.firstIndex { $0.field != field } ?? values.endIndex
            add(values[..<end], of: encoder, row.bytes)
            values = values[end...]
        }
    }

    private mutating func add(
        _ values: ArraySlice<ClickRow.Value>, of encoder: FieldEncoder, _ bytes: [UInt8]
    ) {
        switch encoder {
        case .ids(let hash, let rare, let kept):
            if values.isEmpty { add(id: hash.id(.value)) }
            for value in values {
                let id = hash.id(.value, bytes[value.text])
                add(id: kept.map { $0.contains(id) ? id : rare } ?? id, weight: value.number)
            }
            endField()
        case .number(let encodings):
            let x = values.first.flatMap { $0.isMissing ? nil : $0.number }
            for (fitted, hash) in encodings {
                switch (fitted.encoding.makesIDs, x) {
                case (true, nil):
                    add(id: hash.id(.value))
                    endField()
                case (true, let x?) where fitted.encoding == .scaledEmbedding:
                    add(id: hash.id(.scaled), weight: fitted.number(x))
                    endField()
                case (true, let x?):
                    add(id: hash.id(bucket: fitted.bucket(x)))
                    endField()
                case (false, let x):
                    numbers.append(x.map(fitted.number) ?? 0)
                }
            }
        }
    }

    private mutating func add(id: UInt64, weight: Float = 1) {
        let place =
            places[id]
            ?? {
                let place = UInt32(vocabulary.count)
                places[id] = place
                vocabulary.append(id)
                return place
            }()
        cells.append(place)
        weights.append(weight)
    }

    private mutating func endField() { offsets.append(UInt32(cells.count)) }

    /// All rows that were added.
    consuming func encoded() -> EncodedLog {
        let shape = pipeline.shape
        let isRegular = offsets.indices.allSatisfy { offsets[$0] == UInt32($0) }
        return EncodedLog(
            shape: shape, labels: labels, numbers: numbers, vocabulary: vocabulary,
            bags: FieldBags(
                examples: labels.count / shape.labels, fields: shape.fields, rows: cells,
                offsets: isRegular ? nil : offsets,
                weights: weights.allSatisfy { $0 == 1 } ? nil : weights))
    }
}
