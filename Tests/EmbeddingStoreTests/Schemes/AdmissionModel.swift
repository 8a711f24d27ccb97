@testable import EmbeddingStore

/// What a table that admits ids should hold and serve, by the rules, while nobody has to leave: rows
/// of zeros at the start, and the steps of stochastic gradient descent at rate 1.
struct AdmissionModel {
    let schema: TableSchema
    let keys: SharedKeys
    private(set) var own: [UInt64: [Float]] = [:]
    private var shared: [UInt64: [Float]] = [:]
    private var pulls: [UInt64: Int] = [:]
    private var pushes: [UInt64: Int] = [:]

    init(_ schema: TableSchema) {
        self.schema = schema
        keys = SharedKeys(schema)!
    }

    private func parts(_ id: UInt64) -> [UInt64] {
        keys.partCount == 1 ? [keys.first(id)] : [keys.first(id), keys.second(id)]
    }

    private var zeros: [Float] { Array(repeating: 0, count: schema.dimension) }

    func row(_ id: UInt64) -> [Float] {
        own[id]
            ?? parts(id).map { shared[$0] ?? zeros }.reduce(zeros) { zip($0, $1).map(+) }
    }

    /// Distinct ids.
    mutating func pull(_ ids: [UInt64]) -> [Float] {
        for id in ids where own[id] == nil {
            if max(pulls[id, default: 0] + 1, pushes[id, default: 0]) >= schema.admissionCount {
                own[id] = row(id)
            } else {
                pulls[id, default: 0] += 1
            }
        }
        return ids.flatMap(row)
    }

    /// Distinct ids.
    mutating func push(_ ids: [UInt64], _ gradients: [Float]) {
        for id in ids where own[id] == nil {
            if max(pulls[id, default: 0], pushes[id, default: 0] + 1) >= schema.admissionCount {
                own[id] = row(id)
            } else {
                pushes[id, default: 0] += 1
            }
        }
        for (at, id) in ids.enumerated() {
            let gradient = gradients[at * schema.dimension..<(at + 1) * schema.dimension]
            if let row = own[id] {
                own[id] = zip(row, gradient).map(-)
            } else {
                for key in parts(id) { shared[key] = zip(shared[key] ?? zeros, gradient).map(-) }
            }
        }
    }
}
