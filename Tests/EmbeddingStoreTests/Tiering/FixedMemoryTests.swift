import Foundation
import Testing

@testable import EmbeddingStore

/// Tables that take memory, or address space, whatever rows they have.
@Suite struct FixedMemoryTests {
    /// What a table must not have is not taken for a moment, nor a place on disk; in a process of its
    /// own, whose size is the store's.
    @Test func aTableThatIsRefusedTakesNothing() async {
        await #expect(processExitsWith: .success) {
            let temporary = try TemporaryStore()
            let before = try Self.residentBytesMost()
            let schemes: [Scheme] = [
                .frequencyDoubleHashed(own: 1 << 24, shared: 4, score: .count),
                .frequencyFiltered(.bloom(counters: 1 << 29)),
                .deepHash(hashes: 4096, hidden: 1024),
            ]
            for scheme in schemes {
                let result = Result { () throws(StoreError) in
                    _ = try temporary.store.createTable(
                        named: "t", TableSchema(dimension: 4096, scheme: scheme))
                }
                guard case .failure(.unsupported) = result else {
                    throw Failed("\(scheme): \(result)")
                }
            }
            let bytes = try Self.residentBytesMost() - before
            guard bytes < 64 << 20 else { throw Failed("\(bytes) bytes were taken") }
            guard temporary.store.cold.tables.isEmpty else { throw Failed("places on disk") }
        }
    }

    /// The most memory that this process had so far.
    private static func residentBytesMost() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        guard let line, let kibibytes = Int(line.filter(\.isNumber)) else { throw Failed(status) }
        return kibibytes << 10
    }

    private struct Failed: Error {
        init(_ what: String) { print("failed: \(what)") }
    }

    /// All tables together leave half of the memory to rows.
    @Test(arguments: [
        Scheme.frequencyDoubleHashed(own: 600_000, shared: 4, score: .count),
        .frequencyFiltered(.bloom(counters: 20 << 20)), .deepHash(hashes: 1024, hidden: 512),
    ])
    func tablesShareHalfOfTheMemory(scheme: Scheme) throws {
        let temporary = try TemporaryStore()
        let schema = TableSchema(dimension: 64, scheme: scheme)
        _ = try temporary.store.createTable(named: "first", schema)
        #expect(throws: StoreError.self) {
            try temporary.store.createTable(named: "second", schema)
        }
        #expect(temporary.store.cold.tables.count == 1)
        _ = try temporary.store.createTable(named: "rows", TableSchema(dimension: 64))
        // It can be copied, but not be served with less.
        let copy = temporary.path + "-checkpoint"
        defer { try? FileManager.default.removeItem(atPath: copy) }
        _ = try temporary.store.checkpoint(to: copy)
        let result = Result { () throws(StoreError) in
            _ = try Store(path: copy, options: .init(memoryBytes: 16 << 20))
        }
        guard case .failure(.unsupported) = result else {
            Issue.record("\(result)")
            return
        }
    }

    @Test func aTableThatCannotBeRecordedHasNoPlaceOnDisk() throws {
        let faulty = try FaultyStore()
        let before = faulty.store.budget.usedBytes
        faulty.cold.fail(.putCatalog)
        #expect(throws: FaultyColdTier.failure) {
            try faulty.store.createTable(named: "t", .exact(dimension: 4))
        }
        faulty.cold.recover()
        #expect(faulty.cold.tables.isEmpty)
        #expect(faulty.store.budget.usedBytes == before)
        _ = try faulty.store.createTable(named: "t", .exact(dimension: 4))
        #expect(faulty.cold.tables.count == 1)
    }

    /// A process has 128 TiB of addresses.
    @Test func aTableWithoutAddressSpaceIsRefused() throws {
        let temporary = try TemporaryStore(memoryBytes: 1 << 46, shardCount: 256)
        let wide = TableSchema(
            dimension: 4096,
            optimizer: .adam(learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8))
        let result = Result { () throws(StoreError) in
            _ = try temporary.store.createTable(named: "wide", wide)
        }
        guard case .failure(.unsupported(let detail)) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(detail.contains("address space"))
        let table = try temporary.store.createTable(named: "narrow", .exact(dimension: 1))
        try table.push([1], [2])
        #expect(try table.pull([1]) == [-2])
    }
}
