import Foundation
import Testing

@testable import EmbeddingStore

/// A table in another precision.
@Suite struct QuantizeTests {
    private func rows(_ count: Int, dimension: Int = 8, seed: UInt64 = 1) -> [OfflineFolder.Row] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { number in
            OfflineFolder.Row(
                key: UInt64(number) * 3,
                values: (0..<dimension).map { _ in Float.random(in: -1...1, using: &random) },
                state: [Float(number)], frequency: UInt16(number % 100))
        }
    }

    @Test(arguments: [Precision.int16, .int8, .float16])
    func rowsAreRoundedToTheNearestAndTheErrorIsTold(precision: Precision) throws {
        let folder = try OfflineFolder()
        let rows = rows(6000)
        try folder.write(rows, .offline())
        let before = try folder.sourceFiles()
        let source = try OfflineStore(path: folder.source)
        let report = try source.quantize(table: "t", to: precision, output: folder.result)
        #expect(try folder.sourceFiles() == before)
        #expect(folder.names == ["result", "source"])

        let result = try OfflineFolder.rows(folder.result)
        #expect(result.map(\.key) == rows.map(\.key))
        #expect(result.map(\.state) == rows.map { $0.state })
        #expect(result.map(\.frequency) == rows.map { $0.frequency })
        #expect(result.allSatisfy { $0.precision == precision })
        var squares = 0.0
        var worst = 0.0
        for (row, stored) in zip(rows, result) {
            // float16 below 1: 11 bits.
            let step = precision == .float16 ? Float(0x1p-11) : stored.scale
            for (value, read) in zip(row.values, stored.values) {
                #expect((value - read).magnitude <= step * 0.505)
                squares += Double((value - read) * (value - read))
                worst = max(worst, Double((value - read).magnitude))
            }
        }
        #expect(report.rows == rows.count)
        #expect(report.error.largest == worst)
        #expect((report.error.rms - (squares / 48_000).squareRoot()).magnitude < 1e-6)
        #expect(report.error.clippedShare == 0)
        #expect(report.bytesAfter < report.bytesBefore)
        #expect(report.bytesAfter > rows.count * 8 * precision.elementBytes)
        do {
            let schema = try OfflineStore(path: folder.result).table(named: "t").schema
            #expect(schema.coldPrecision == precision && schema.hotPrecision == .float32)
        }
        #expect(try Verification(path: folder.result).isSound)
        // And it goes on as a store.
        let opened = try Store(path: folder.result, options: .init(memoryBytes: 64 << 20))
        defer { try? opened.close() }
        let table = try opened.table(named: "t")
        #expect(table.count == rows.count)
        try table.push([0, 1], [Float](repeating: 1, count: 16))
    }

    /// A precision that rows have already changes no bit of them.
    @Test func theSamePrecisionChangesNothing() throws {
        let folder = try OfflineFolder()
        try folder.write(rows(500), .offline(cold: .int8))
        let source = try OfflineStore(path: folder.source)
        let report = try source.quantize(table: "t", to: .int8, output: folder.result)
        #expect(report.error.largest == 0)
        let (before, after) = (
            try OfflineFolder.rows(folder.source), try OfflineFolder.rows(folder.result)
        )
        #expect(before.map(\.values) == after.map(\.values))
        #expect(before.map(\.scale) == after.map(\.scale))
    }

    @Test func whatFloat16CannotSayIsClippedAndCounted() throws {
        let folder = try OfflineFolder()
        try folder.write(
            [.init(key: 1, values: [1e6, -1e6, 1, 65_504, 0, 0, 0, 0])], .offline())
        let source = try OfflineStore(path: folder.source)
        let report = try source.quantize(table: "t", to: .float16, output: folder.result)
        #expect(report.error.clippedShare == 0.25)
        #expect(
            try OfflineFolder.rows(folder.result)[0].values
                == [65_504, -65_504, 1, 65_504, 0, 0, 0, 0])
    }

    /// Adam's step, other tables, the hot precision, and the numbers of tables.
    @Test func everythingElseIsCarriedOver() throws {
        let temporary = try TemporaryStore()
        let folder = try OfflineFolder()
        let table = try temporary.store.createTable(
            named: "t",
            .offline(
                optimizer: .adam(learningRate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-8)))
        let other = try temporary.store.createTable(named: "other", .exact(dimension: 4))
        let ids = Array(0..<5000 as Range<UInt64>)
        for _ in 0..<3 { try table.push(ids, [Float](repeating: 1, count: ids.count * 8)) }
        try other.assign(ids, FaultyStore.rows(ids.count, 4))
        try temporary.store.close()
        let source = try OfflineStore(path: temporary.path)
        _ = try source.quantize(
            table: "t", to: .int8, hot: .int16, output: folder.result)
        do {
            let result = try OfflineStore(path: folder.result).table(named: "t")
            #expect(result.pushCount == 3)
            #expect(result.schema.hotPrecision == .int16)
            #expect(try result.number == source.table(named: "t").number)
        }
        expectRows(
            try OfflineFolder.pull(folder.result, ids, table: "other"),
            FaultyStore.rows(ids.count, 4))
        let store = try Store(path: folder.result, options: .init(memoryBytes: 64 << 20))
        defer { try? store.close() }
        #expect(try store.createTable(named: "third", .exact(dimension: 1)).number == 3)
    }

    /// A source with a log is replayed in a copy beside the result.
    @Test func aSourceThatCrashedIsReadInACopy() throws {
        let crashed = try CrashedStore()
        let folder = try OfflineFolder()
        let table = try crashed.store.createTable(named: "t", .exact(dimension: 4))
        let ids = Array(0..<300 as Range<UInt64>)
        try table.push(ids, [Float](repeating: -2, count: 1200))
        try FileManager.default.copyItem(atPath: try crashed.die(), toPath: folder.source)
        let before = try folder.sourceFiles()
        do {
            let source = try OfflineStore(path: folder.source, copyBeside: folder.result)
            #expect(folder.names.count == 2)
            _ = try source.quantize(table: "t", to: .int16, output: folder.result)
        }
        #expect(folder.names == ["result", "source"])
        #expect(try folder.sourceFiles() == before)
        expectAll(try OfflineFolder.pull(folder.result, ids), are: 2)
    }

    @Test func badInputLeavesNothingBehind() throws {
        let folder = try OfflineFolder()
        var rows = rows(100)
        rows[50].values[3] = .nan
        try folder.write(rows, .offline())
        let source = try OfflineStore(path: folder.source)
        #expect(
            storeError { try source.quantize(table: "t", to: .int16, output: folder.result) }
                == .nonFinite("row 150 of table 't'"))
        #expect(
            storeError { try source.quantize(table: "x", to: .int16, output: folder.result) }
                == .unknownTable("x"))
        #expect(folder.names == ["source"])
        #expect(
            storeError { try source.quantize(table: "t", to: .int16, output: folder.source) }
                == .cannotCreate("\(folder.source) exists"))
        #expect(
            storeError { try OfflineStore(path: folder.source, copyBeside: folder.source) }
                == .cannotCreate("\(folder.source) exists"))
    }
}
