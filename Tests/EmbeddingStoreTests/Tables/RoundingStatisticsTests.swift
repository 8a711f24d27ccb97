import Testing

@testable import EmbeddingStore

/// What rounding to fewer bits costs, as it is counted.
@Suite struct RoundingStatisticsTests {
    private func table(
        _ temporary: TemporaryStore, hot: Precision, cold: Precision = .float32
    ) throws -> Table {
        var schema = TableSchema.exact(dimension: 16)
        schema.hotPrecision = hot
        schema.coldPrecision = cold
        return try temporary.store.createTable(named: "t", schema)
    }

    @Test func rowsInFloat32AreNotCounted() throws {
        let temporary = try TemporaryStore()
        let table = try table(temporary, hot: .float32)
        try table.assign([1], Array(repeating: 3e38, count: 16))
        try table.push([1], Array(repeating: 1, count: 16))
        #expect(table.statistics().rounding == RoundingStatistics())
    }

    @Test func valuesBeyondFloat16AreClipped() throws {
        let temporary = try TemporaryStore()
        let table = try table(temporary, hot: .float16)
        try table.assign([1, 2], [1e5, -1e5, 65504] + Array(repeating: 1, count: 29))
        var rounding = table.statistics().rounding
        #expect((rounding.written, rounding.clipped, rounding.moved) == (32, 2, 0))
        // A step beyond the end leaves the value at the end: it is clipped, and it vanishes.
        try table.push([1], [-1000] + Array(repeating: 0, count: 15))
        rounding = table.statistics().rounding
        #expect((rounding.written, rounding.clipped) == (48, 3))
        #expect((rounding.moved, rounding.vanished) == (1, 1))
        #expect(try table.pull([1])[0] == 65504)
        #expect(rounding.clippedShare == 3.0 / 48)
        #expect(rounding.vanishedShare == 1)
    }

    /// A scale reaches the largest value, unless the step has left float32.
    @Test(arguments: [Precision.int16, .int8])
    func integersClipOnlyWhatOverflows(precision: Precision) throws {
        let temporary = try TemporaryStore()
        let table = try table(temporary, hot: precision)
        try table.assign([1, 2], Array(repeating: 1e30, count: 32))
        #expect(table.statistics().rounding.clipped == 0)
        let largest = Float.greatestFiniteMagnitude
        try table.assign([1], [largest] + Array(repeating: 0, count: 15))
        try table.push([1], [-largest] + Array(repeating: 0, count: 15))
        #expect(table.statistics().rounding.clipped == 1)
        #expect(try table.pull([1]).allSatisfy { $0.isFinite })
    }

    /// A thirtieth of a step is taken about every thirtieth time.
    @Test(arguments: [(Precision.int16, Float(1) / 32767), (.int8, 1 / 127), (.float16, 0x1p-11)])
    func stepsBelowThePrecisionVanishAsOftenAsTheyShould(
        precision: Precision, unit: Float
    ) throws {
        let temporary = try TemporaryStore()
        let table = try table(temporary, hot: precision)
        let ids = Array(0..<100 as Range<UInt64>)
        // The largest stands apart, so that the scale stays.
        let row = [1] + [Float](repeating: 0.625, count: 15)
        try table.assign(ids, ids.flatMap { _ in row })
        let gradient = [0] + [Float](repeating: unit / 30, count: 15)
        for _ in 0..<20 { try table.push(ids, ids.flatMap { _ in gradient }) }
        let rounding = table.statistics().rounding
        #expect(rounding.moved == 20 * 1500)
        #expect(rounding.clipped == 0)
        let deviation = (1.0 / 30 * (1 - 1.0 / 30) / Double(rounding.moved)).squareRoot()
        #expect(
            abs(rounding.vanishedShare - (1 - 1.0 / 30)) < 5 * deviation,
            "\(precision): \(rounding)")
    }

    @Test func clippingOnTheWayToDiskIsCounted() throws {
        let temporary = try TemporaryStore(demotesInBackground: false)
        let table = try table(temporary, hot: .float32, cold: .float16)
        try table.assign([1], [1e6] + Array(repeating: 1, count: 15))
        try demoteEverything(of: table)
        let rounding = table.statistics().rounding
        #expect((rounding.written, rounding.clipped) == (16, 1))
        #expect(try table.pull([1])[0] == 65504)
    }
}
