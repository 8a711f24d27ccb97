/// What becomes of the ids of a log before they reach a table.
public enum IDPreparation: Sendable, Hashable, Codable {
    /// They stay as they are.
    case none
    /// So many stay, those that come most often in the training rows; the others of a field become
    /// one id.
    case mostFrequent(Int)
    /// They become numbers from 0 on, in a random order, so that numbers say nothing about
    /// frequencies. Whoever serves such a table needs the numbers of all ids beside it.
    case numbered(seed: UInt64)

    /// The logs with their ids prepared; the frequencies are those of the training rows.
    func applied(to logs: Trainer.Logs) -> Trainer.Logs {
        let newID: (_ id: UInt64, _ field: Int) -> UInt64
        switch self {
        case .none:
            return logs
        case .mostFrequent(let count):
            let kept = Set(logs.training.idsByFrequency.prefix(count))
            newID = { kept.contains($0) ? $0 : Self.rareID(field: $1) }
        case .numbered(let seed):
            let logs = [logs.training, logs.validation, logs.test]
            var ids = Array(Set(logs.flatMap(\.vocabulary))).sorted()
            var random = SplitMix64(seed: SplitMix64.mix(seed ^ 0x6E75_6D62_6572))
            ids.shuffle(using: &random)
            let numbers = Dictionary(
                uniqueKeysWithValues: ids.enumerated().map { ($1, UInt64($0)) })
            newID = { id, _ in numbers[id]! }  // All ids have a number.
        }
        var prepared = logs
        prepared.training = logs.training.mapped(newID)
        prepared.validation = logs.validation.mapped(newID)
        prepared.test = logs.test.mapped(newID)
        return prepared
    }

    /// The id that stands for all that are not kept.
    private static func rareID(field: Int) -> UInt64 {
        SplitMix64.mix(0x7261_7265 ^ UInt64(field) << 32)
    }
}

extension EncodedLog {
    /// The distinct ids, those that come most often first.
    fileprivate var idsByFrequency: [UInt64] {
        var counts = [Int](repeating: 0, count: vocabulary.count)
        for place in bags.rows { counts[Int(place)] += 1 }
        // Ids of the same frequency come in an order that says nothing about time.
        return zip(vocabulary, counts)
            .sorted { ($1.1, SplitMix64.mix($0.0)) < ($0.1, SplitMix64.mix($1.0)) }
            .map(\.0)
    }

    /// The log with other ids, given each id and its field.
    fileprivate func mapped(_ newID: (_ id: UInt64, _ field: Int) -> UInt64) -> EncodedLog {
        var places: [UInt64: UInt32] = [:]
        var newVocabulary: [UInt64] = []
        // An id belongs to one field: its first bag tells.
        var newPlaces = [UInt32?](repeating: nil, count: vocabulary.count)
        var rows: [UInt32] = []
        rows.reserveCapacity(bags.rows.count)
        bags.forEachBag(of: 0..<bags.examples) { bag, cells in
            for cell in cells {
                let old = Int(bags.rows[cell])
                if newPlaces[old] == nil {
                    let id = newID(vocabulary[old], bag % bags.fields)
                    if places[id] == nil {
                        places[id] = UInt32(newVocabulary.count)
                        newVocabulary.append(id)
                    }
                    newPlaces[old] = places[id]
                }
                rows.append(newPlaces[old]!)  // Just given.
            }
        }
        return EncodedLog(
            shape: shape, labels: labels, numbers: numbers, vocabulary: newVocabulary,
            bags: FieldBags(
                examples: bags.examples, fields: bags.fields, rows: rows, offsets: bags.offsets,
                weights: bags.weights))
    }
}
