import Foundation
import Testing

@testable import EmbeddingStore

@Suite struct MemoryBudgetTests {
    /// A million ids under 64 MiB, of which about three quarters fit; in a process of its own,
    /// whose size is the store's.
    @Test func aMillionIdsKeepToTheBudget() async {
        let result = await #expect(
            processExitsWith: .success,
            observing: [\.standardOutputContent, \.standardErrorContent]
        ) {
            try MillionIds().run()
        }
        guard let result else { return }
        print(String(decoding: result.standardOutputContent, as: UTF8.self), terminator: "")
        print(String(decoding: result.standardErrorContent, as: UTF8.self), terminator: "")
    }

    @Test func rowsThatAreReadComeInWhenTheyAreUsedMore() {
        let budget = MemoryBudget(limitBytes: 1 << 20, epoch: 0)
        budget.rowsLeave(upTo: FrequencyHistogram.bucket(of: 5))
        #expect(budget.promotes(frequency: 1), "there is room")
        budget.add(budget.lowBytes)
        #expect(!budget.promotes(frequency: 6), "once more is chance")
        #expect(budget.promotes(frequency: 7))
        budget.rowsLeave(upTo: FrequencyHistogram.bucket(of: 40))
        #expect(!budget.promotes(frequency: 64) && budget.promotes(frequency: 65))
        // Nobody counts further for a row on disk, so nothing can keep it out.
        budget.rowsLeave(upTo: FrequencyHistogram.bucket(of: .max))
        #expect(!budget.promotes(frequency: 254) && budget.promotes(frequency: 255))
    }

    @Test func requestsForRoomEndWhenTheBudgetStops() throws {
        let budget = MemoryBudget(limitBytes: 1 << 20, epoch: 0)
        #expect(budget.hasRoom)
        budget.add(1 << 20)
        #expect(!budget.hasRoom)
        #expect(throws: StoreError.overloaded(retryAfterMs: 100)) {
            try budget.waitForRoom(timeoutSeconds: 0.01)
        }
        budget.roundEnded(failure: .storageFailed("full"))
        #expect(throws: StoreError.storageFailed("full")) { try budget.waitForRoom(timeoutSeconds: 10) }
        budget.roundEnded(failure: nil)
        budget.stop()
        #expect(throws: StoreError.closed) { try budget.waitForRoom(timeoutSeconds: 10) }
        #expect(!budget.waitForPressure())
        budget.add(-(1 << 20))
        #expect(throws: Never.self) { try budget.waitForRoom(timeoutSeconds: 10) }
    }
}

/// What the process of its own does: pushes to every id once and again to some, and looks at memory
/// as it goes.
struct MillionIds {
    static let memoryBytes = 64 << 20
    /// What the process may take beside the budget: code, RocksDB's memtables and tables, staged
    /// rows, batches under way.
    static let constantBytes = 112 << 20
    private let idCount = 1 << 20
    private let batch = 8192
    private let schema = TableSchema(
        dimension: 16, optimizer: .rowwiseAdagrad(learningRate: 0.5, initialAccumulator: 0, epsilon: 1e-10),
        initializer: .uniform(low: -1, high: 1), hotPrecision: .float32, coldPrecision: .float32, seed: 9)

    func run() throws {
        let started = ContinuousClock.now
        let temporary = try TemporaryStore(memoryBytes: Self.memoryBytes, shardCount: nil)
        let table = try temporary.store.createTable(named: "t", schema)
        let baseBytes = residentBytes()
        var hotBytesMost = 0
        var residentBytesMost = 0
        func push(_ ids: [UInt64]) throws {
            try pushPatiently(table, ids)
            hotBytesMost = max(hotBytesMost, temporary.store.statistics().hotBytes)
            residentBytesMost = max(residentBytesMost, residentBytes())
            guard hotBytesMost <= Self.memoryBytes else { throw Failed("\(hotBytesMost) bytes are hot") }
        }
        for start in stride(from: 0, to: idCount, by: batch) { try push((start..<start + batch).map(id)) }
        // Again those whose rows have left, and others.
        let again = stride(from: 0, to: idCount, by: 16).map(id)
        for start in stride(from: 0, to: again.count, by: batch) {
            try push(Array(again[start..<start + batch]))
        }
        guard table.count == idCount else { throw Failed("\(table.count) rows") }
        let figures = table.statistics()
        guard figures.demotions > idCount / 8, figures.promotions > 1000 else {
            throw Failed("the tiers were not used: \(figures)")
        }
        try check(table)
        print(
            "one million ids: \(started.duration(to: .now)), most hot \(hotBytesMost >> 10) KiB, resident at first",
            "\(baseBytes >> 20) MiB, at most \(residentBytesMost >> 20) MiB; \(figures.demotions) demotions,",
            "\(figures.promotions) promotions")
        guard residentBytesMost <= Self.memoryBytes + Self.constantBytes else {
            throw Failed("\(residentBytesMost) bytes resident")
        }
        // Closing would write all of it to disk, which is not what this is about and takes as long
        // again.
        try? FileManager.default.removeItem(atPath: temporary.path)
        exit(EXIT_SUCCESS)
    }

    /// On a busy disk room may be long in coming; a client tries again then.
    private func pushPatiently(_ table: Table, _ ids: [UInt64]) throws {
        for _ in 0..<20 {
            let result = Result { () throws(StoreError) in
                try table.push(ids, ids.flatMap(gradient))
            }
            guard case .failure(.overloaded(let milliseconds)) = result else {
                return try result.get()
            }
            print("overloaded, trying again")
            Thread.sleep(forTimeInterval: Double(milliseconds) / 1000)
        }
        throw Failed("no room in twenty tries")
    }

    private func id(_ number: Int) -> UInt64 { UInt64(number) &* 0x9E37_79B9_7F4A_7C15 }

    private static let gradients: [[Float]] = (0..<13).map { kind in
        (0..<16).map { Float((kind + $0 * 7) % 13) - 6 + 0.5 }
    }

    private func gradient(_ id: UInt64) -> [Float] { Self.gradients[Int((id >> 20) % 13)] }

    /// A sample against rows that were stepped in a store where all of them stay in memory.
    private func check(_ table: Table) throws {
        let roomy = try TemporaryStore()
        let reference = try roomy.store.createTable(named: "t", schema)
        let sample = stride(from: 0, to: idCount, by: 331).map { ($0, id($0)) }
        let once = sample.map(\.1)
        let twice = sample.filter { $0.0 % 16 == 0 }.map(\.1)
        for ids in [once, twice] { try reference.push(ids, ids.flatMap(gradient)) }
        let rows = try table.pull(once, create: false)
        let expected = try reference.pull(once, create: false)
        guard rows.elementsEqual(expected) else { throw Failed("rows differ") }
    }

    private func residentBytes() -> Int {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return .max }
        return Int(text.split(separator: " ")[1])! * 4096
    }

    struct Failed: Error {
        init(_ what: String) { print("failed: \(what)") }
    }
}
