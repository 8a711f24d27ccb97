import Foundation
import Fuzzing
import Testing

@testable import EmbeddingStore

/// Mutated descriptions of tables and of the store: each is read as what it says, or refused.
@Suite struct CatalogFuzzTests {
    private let schemas: [TableSchema] = [
        .exact(dimension: 4),
        TableSchema(
            dimension: 4096,
            optimizer: .adam(learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8),
            coldPrecision: .int8, seed: .max),
        TableSchema(
            dimension: 1, optimizer: .ftrl(alpha: 1, beta: 1, l1: 0.5, l2: 0),
            initializer: .constant(-0.5)),
        TableSchema(
            dimension: 16,
            optimizer: .rowwiseAdagrad(learningRate: 1e-30, initialAccumulator: 0, epsilon: 1e-10),
            initializer: .normal(mean: 1e30, deviation: 2), hotPrecision: .float16),
    ]

    @Test func entries() throws {
        let seeds = schemas.enumerated().map { number, schema in
            CatalogEntry(number: 7, name: "a/b-c_\(number).d", schema: schema).bytes
        }
        try FuzzRun("catalog-entry", seeds: seeds, cases: 4000).run(isText: true) { input in
            let entry: CatalogEntry
            do throws(StoreError) {
                entry = try CatalogEntry(record: "table/7", bytes: input)
            } catch {
                switch error {
                case .damaged, .invalidSchema, .unsupported: return false
                default: throw Broken("refused with \(error)")
                }
            }
            let again = try CatalogEntry(record: entry.record, bytes: entry.bytes)
            guard again.name == entry.name, again.schema == entry.schema, again.number == 7 else {
                throw Broken("\(entry) is written as \(again)")
            }
            return true
        }
    }

    @Test func states() throws {
        let folder = NSTemporaryDirectory() + "thermocline-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let directory = try DataDirectory(path: folder, readOnly: false)
        var state = DataDirectory.State(isClean: true, epoch: .max)
        state.tables = [
            "1": .init(coldKeys: 3, pushes: 4), "4294967295": .init(coldKeys: 0, pushes: 0),
        ]
        try directory.writeState(state)
        let file = URL(fileURLWithPath: folder + "/STORE")
        // Behind a checksum that is right, or nothing else would be looked at.
        let text = try Data(contentsOf: file)
        let seed = Array(text[...text.dropLast().lastIndex(of: UInt8(ascii: "\n"))!])
        try FuzzRun("store-state", seeds: [seed], cases: 3000).run(isText: true) { input in
            let text = Data(input + [UInt8(ascii: "\n")])
            try (text + DataDirectory.checksumLine(text)).write(to: file)
            do {
                let state = try directory.readState()
                guard state.format == DataDirectory.format else {
                    throw Broken("format \(state.format) is read")
                }
                let again = try JSONDecoder().decode(
                    DataDirectory.State.self, from: try JSONEncoder().encode(state))
                guard again == state else { throw Broken("\(state) is written as \(again)") }
                return true
            } catch let error as StoreError {
                switch error {
                case .damaged, .badDataDirectory: return false
                default: throw Broken("refused with \(error)")
                }
            }
        }
    }
}
