import Foundation
import Testing

@testable import EmbeddingStore

/// The store's optimizers against reference vectors: torch's where torch has the optimizer, float64
/// formulas where it has not. `Tests/Fixtures/optimizers/README.md` describes the files and the
/// generator of the pushes.
@Suite struct OptimizerVectorTests {
    struct File: Decodable {
        var optimizer: String
        var cases: [Case]
    }

    struct Case: Decodable {
        var name: String
        var dimension: Int
        var seed: UInt64
        var steps: Int
        var parameters: [String: Double]
        var ids: [String]
        var initial: [[Double]]
        var rows_after: [String: [[Double]]]
    }

    @Test(arguments: ["sgd", "momentum", "adagrad", "rowwise_adagrad", "adam", "ftrl"])
    func matchesReference(file: String) throws {
        let folder = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/optimizers")
        let data = try Data(contentsOf: folder.appendingPathComponent("\(file).json"))
        let vectors = try JSONDecoder().decode(File.self, from: data)
        #expect(!vectors.cases.isEmpty)
        for reference in vectors.cases {
            try check(reference, optimizer: optimizer(vectors.optimizer, reference.parameters))
        }
    }

    private func check(_ reference: Case, optimizer: Optimizer) throws {
        let temporary = try TemporaryStore()
        let schema = TableSchema(
            dimension: reference.dimension, optimizer: optimizer, initializer: .zeros)
        let table = try temporary.store.createTable(named: "t", schema)
        let ids = reference.ids.map { UInt64($0)! }
        try table.assign(ids, reference.initial.flatMap { $0.map(Float.init) })

        var draws = SeededGenerator(seed: reference.seed)
        func value() -> Float { (Float(draws.next() >> 48) - 32768) / 32768 }
        for _ in 0..<ids.count * reference.dimension { _ = value() }
        for step in 1...reference.steps {
            let count = Int(8 + draws.next() % 17)
            let batch = (0..<count).map { _ in ids[Int(draws.next() % UInt64(ids.count))] }
            try table.push(batch, (0..<count * reference.dimension).map { _ in value() })
            guard let expected = reference.rows_after["\(step)"] else { continue }
            let rows = try table.pull(ids, create: false)
            for (got, want) in zip(rows, expected.joined()) {
                let distance = abs(Double(got) - want)
                #expect(
                    distance <= 1e-6 * max(1, abs(want)),
                    "\(reference.name), after \(step) pushes: \(got), not \(want)")
            }
        }
    }

    private func optimizer(_ name: String, _ parameters: [String: Double]) throws -> Optimizer {
        func parameter(_ name: String) throws -> Double { try #require(parameters[name], "\(parameters)") }
        switch name.lowercased() {
        case "sgd":
            return .sgd(learningRate: try parameter("learning_rate"))
        case "momentum":
            return .momentum(
                learningRate: try parameter("learning_rate"), momentum: try parameter("momentum"))
        case "adagrad":
            return .adagrad(
                learningRate: try parameter("learning_rate"),
                initialAccumulator: try parameter("initial_accumulator"), epsilon: try parameter("epsilon"))
        case "rowwiseadagrad":
            return .rowwiseAdagrad(
                learningRate: try parameter("learning_rate"),
                initialAccumulator: try parameter("initial_accumulator"), epsilon: try parameter("epsilon"))
        case "adam":
            return .adam(
                learningRate: try parameter("learning_rate"), beta1: try parameter("beta1"),
                beta2: try parameter("beta2"), epsilon: try parameter("epsilon"))
        case "ftrl":
            return .ftrl(
                alpha: try parameter("alpha"), beta: try parameter("beta"), l1: try parameter("l1"),
                l2: try parameter("l2"))
        default:
            throw StoreError.unsupported("optimizer \(name) in a fixture")
        }
    }
}
