import Foundation
import Testing

@testable import EmbeddingStore

/// A packed file serves what is in the store, to the rounding of its precision.
@Suite struct PackedStoreTests {
    private let fixture: PackedFixture

    init() throws { fixture = try PackedFixture() }

    @Test(arguments: [Precision.int16, .int8], [0.0, 0.1, 1])
    func everyRow(_ precision: Precision, _ frequentShare: Double) throws {
        let ids = fixture.ids(5000)
        let values = fixture.values(5000, dimension: 6)
        let (table, summary) = try fixture.pack(
            dimension: 6, ids, values, precision: precision, frequentShare: frequentShare)
        #expect(table.count == 5000)
        #expect(summary.rows == 5000)
        #expect(summary.frequentRows == (frequentShare == 1 ? 5000 : 0))
        #expect(summary.indexBytes < 9 * 5000)
        let (rows, found) = try table.read(ids)
        #expect(found.allSatisfy { $0 })
        let steps: Float = precision == .int16 ? 32767 : 127
        for at in ids.indices {
            let wanted = values[at * 6..<(at + 1) * 6]
            let unit = wanted.map(\.magnitude).max()! / steps
            for (row, value) in zip(rows[at * 6..<(at + 1) * 6], wanted) {
                #expect((row - value).magnitude <= unit * 0.505)
            }
        }
        // The same by halves and in other formats.
        let (again, _) = try table.read(ids.reversed())
        #expect(Array(again.prefix(6)) == Array(rows.suffix(6)))
    }

    @Test func unknownIDs() throws {
        let (table, _) = try fixture.pack(
            dimension: 2, [1, .max], [1, 2, 3, 4], initializer: .constant(0.25))
        let (rows, found) = try table.read([1, 2, .max, 0])
        #expect(found == [true, false, true, false])
        #expect(Array(rows[2..<4]) == [0.25, 0.25])
        #expect(Array(rows[6...]) == [0.25, 0.25])
        #expect(throws: StoreError.readOnly) { try table.read([1], create: true) }
    }

    @Test func anEmptyTable() throws {
        let (table, _) = try fixture.pack(dimension: 3, [], [])
        #expect(table.count == 0)
        #expect(try table.read([0, .max]).found == [false, false])
    }

    @Test func rowsThatCompressAreInBlocks() throws {
        let ids = fixture.ids(3000)
        let (table, summary) = try fixture.pack(
            dimension: 16, ids, [Float](repeating: 0.5, count: 3000 * 16))
        #expect(summary.blocksCompressed == summary.blocks && summary.blocks > 1)
        #expect(summary.rowBytes < 3000 * 4)
        let statistics = table.statistics()
        #expect(statistics.cold.rows == 3000)
        #expect(try table.read(ids).rows.allSatisfy { $0 == 0.5 })
        #expect(table.statistics().misses == 3000)
    }

    @Test func frequentRowsLieAsTheyAre() throws {
        let ids = fixture.ids(1000)
        let values = fixture.values(1000, dimension: 4)
        let (table, summary) = try fixture.pack(
            dimension: 4, ids, values, frequencies: { $0 < 100 ? 500 : 1 })
        #expect(summary.frequentRows == 100)
        _ = try table.read(Array(ids.prefix(100)))
        #expect(table.statistics().hits == 100)
        #expect(table.statistics().misses == 0)
    }

    @Test(arguments: [
        Scheme.hashed(rows: 50), .doubleHashed(rows: 50, combine: .sum),
        .doubleHashed(rows: 50, combine: .concatenate), .quotientRemainder(rows: 7, combine: .sum),
        .quotientRemainder(rows: 7, combine: .concatenate),
        .quotientRemainder(rows: 7, combine: .multiply),
    ])
    func schemes(_ scheme: Scheme) throws {
        let schema = TableSchema(
            dimension: 4, initializer: .uniform(low: 0.5, high: 1.5), coldPrecision: .int16,
            scheme: scheme, seed: 42)
        // Not all of them are pulled, so that some rows are not there.
        let ids = (0..<400).map { UInt64($0 * 13) }
        let store = try fixture.store(schema) { table in
            _ = try table.pull(Array(ids.prefix(30)))
        }
        let readOnly = try Store(
            path: store, options: .init(memoryBytes: 8 << 20, isReadOnly: true))
        defer { try? readOnly.close() }
        let table = try readOnly.table(named: "t")
        let (packed, _) = try fixture.pack(store, precision: .int16, frequentShare: 0.5)
        let (rows, found) = try packed.read(ids)
        // Rows that were in memory at the stop are float32 on disk; of each factor half a step is lost.
        let served = try table.pull(ids, create: false)
        #expect(zip(rows, served).allSatisfy { ($0 - $1).magnitude < 2e-4 })
        #expect(found.prefix(30).allSatisfy { $0 })
        #expect(packed.schema.scheme == scheme)
    }

    @Test func pooling() throws {
        let ids = fixture.ids(500)
        let (table, _) = try fixture.pack(
            dimension: 3, ids, fixture.values(500, dimension: 3), frequentShare: 1)
        let rows = try table.read(Array(ids.prefix(3))).rows
        let bags = try Bags(offsets: [0, 2, 2], idCount: 3, mode: .sum, weights: nil)
        let pooled = try table.pool(Array(ids.prefix(3)), bags)
        #expect(pooled == zip(rows[..<3], rows[3..<6]).map { $0 + $1 } + [0, 0, 0] + rows[6...])
    }

    @Test func nothingIsReplacedAndNothingStays() throws {
        let (_, _) = try fixture.pack(dimension: 2, [1], [1, 2])
        #expect(throws: StoreError.self) { _ = try PackedWriter(path: fixture.file) }
        var abandoned: PackedWriter? = try PackedWriter(path: fixture.file + "2")
        _ = abandoned
        abandoned = nil
        #expect(neighbours(of: fixture.file + "2").isEmpty)
        #expect(!FileManager.default.fileExists(atPath: fixture.file + "2"))
    }

    /// Whoever serves the file does not know what time it is.
    @Test func expiredRowsAreLeftOut() throws {
        let fixture = try PackedFixture()
        let source = fixture.file + "-store"
        let store = try StoreWriter(destination: source)
        let table = try store.createTable(
            named: "t", TableSchema(dimension: 4, timeToLive: 100))
        for id in 1...10 as ClosedRange<UInt64> {
            try table.append(
                key: id, values: [1, 2, 3, 4], frequency: 1, lastUse: 1000 + UInt32(10 * id))
        }
        _ = try store.finish()
        let writer = try PackedWriter(path: fixture.file)
        let summary = try writer.add(
            try OfflineStore(path: source).table(named: "t"), now: 1150)
        _ = try writer.finish()
        #expect(summary.rows == 6 && summary.expiredRows == 4)
        let packed = try PackedStore(path: fixture.file).table(named: "t")
        #expect(try packed.read(Array(1...10)).found == (1...10).map { $0 >= 5 })
    }
}
