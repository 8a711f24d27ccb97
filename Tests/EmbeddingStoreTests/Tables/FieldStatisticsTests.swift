import Testing

@testable import EmbeddingStore

/// Rows and counted ids by the field in the high bits of ids.
@Suite struct FieldStatisticsTests {
    private static func id(_ number: UInt64, field: UInt64, bits: UInt64 = 8) -> UInt64 {
        field << (64 - bits) | number
    }

    private func statistics(_ table: Table) throws -> FieldStatistics {
        try #require(table.fieldStatistics())
    }

    // MARK: in memory

    @Test func rowsAndUsesAreThoseOfTheirFields() throws {
        let temporary = try TemporaryStore()
        var schema = TableSchema.exact(dimension: 2)
        schema.fieldBits = 8
        let table = try temporary.store.createTable(named: "t", schema)
        #expect(try statistics(table).listed.isEmpty)
        // More than one slice of a shard.
        let many = (0..<20_000).map { Self.id($0, field: 3) }
        let last: [UInt64] = [.max, .max - 1]
        _ = try table.pull(many + last)
        for _ in 0..<4 { _ = try table.pull(last) }
        _ = try table.delete([many[7]])
        let figures = try statistics(table)
        #expect(
            figures.listed == [
                .init(field: 3, rows: 19_999, uses: 19_999), .init(field: 255, rows: 2, uses: 10),
            ])
        #expect(figures.sharedRows == 0)
        #expect(figures.otherFields == 0)
    }

    @Test func rowsThatLeftMemoryAreNotCounted() throws {
        let temporary = try TemporaryStore(demotesInBackground: false)
        var schema = TableSchema.exact(dimension: 2)
        schema.fieldBits = 8
        let table = try temporary.store.createTable(named: "t", schema)
        _ = try table.pull((0..<100).map { Self.id($0, field: 1) })
        let often = (0..<10).map { Self.id($0, field: 2) }
        for _ in 0..<8 { _ = try table.pull(often) }
        // Of the rows that are used once.
        _ = try table.rows.demote(below: .init(bucket: 1, share: 1), bytesMax: .max / 4)
        let figures = try statistics(table)
        #expect(table.statistics().cold.rows == 100)
        #expect(figures.listed.map(\.field) == [2])
        #expect(figures.listed.map(\.rows) == [10])
    }

    @Test func whereIdsSayNoFieldOrHaveNoRowsThereIsNothingToTell() throws {
        let temporary = try TemporaryStore()
        var schema = TableSchema.exact(dimension: 2)
        #expect(
            try temporary.store.createTable(named: "none", schema).fieldStatistics() == nil)
        schema.fieldBits = 4
        let schemes: [Scheme] = [
            .hashed(rows: 10), .quotientRemainder(rows: 10, combine: .sum),
            .deepHash(hashes: 8, hidden: 4),
        ]
        for (number, scheme) in schemes.enumerated() {
            schema.scheme = scheme
            let table = try temporary.store.createTable(named: "t\(number)", schema)
            #expect(table.fieldStatistics() == nil)
        }
    }

    // MARK: of tables that admit ids

    private func admitting(_ scheme: Scheme, _ temporary: TemporaryStore) throws -> Table {
        var schema = TableSchema.exact(dimension: 2)
        schema.scheme = scheme
        schema.admissionCount = 3
        schema.fieldBits = 8
        let table = try temporary.store.createTable(named: "t", schema)
        func pull(_ ids: Range<UInt64>, field: UInt64, times: Int) throws {
            for _ in 0..<times { _ = try table.pull(ids.map { Self.id($0, field: field) }) }
        }
        try pull(0..<20, field: 1, times: 5)
        try pull(20..<25, field: 1, times: 1)
        try pull(0..<7, field: 9, times: 1)
        return table
    }

    @Test func ownersAndCandidatesOfASketchAreByField() throws {
        let temporary = try TemporaryStore()
        let table = try admitting(
            .frequencyDoubleHashed(own: 1000, shared: 50, score: .count), temporary)
        let figures = try statistics(table)
        #expect(figures.listed.map(\.field) == [1, 9])
        #expect(figures.listed.map(\.rows) == [20, 0])
        #expect(figures.listed.map(\.owners) == [20, 0])
        #expect(figures.listed.map(\.candidates) == [5, 7])
        #expect(figures.sharedRows == table.statistics().rows - 20)
        // Those who own their rows are known after a restart too.
        try temporary.reopen()
        let again = try statistics(try temporary.store.table(named: "t"))
        #expect(again.listed.map(\.owners) == [20, 0])
        #expect(again.listed.map(\.candidates) == [5, 7])
    }

    @Test func aFilterKnowsCandidatesOrNothing() throws {
        var temporary = try TemporaryStore()
        var figures = try statistics(try admitting(.frequencyFiltered(.exact), temporary))
        #expect(figures.listed.map(\.rows) == [20, 0])
        #expect(figures.listed.map(\.candidates) == [5, 7])
        #expect(figures.listed.map(\.owners) == [nil, nil])
        #expect(figures.sharedRows == 2)
        temporary = try TemporaryStore()
        figures = try statistics(
            try admitting(.frequencyFiltered(.bloom(counters: 1 << 16)), temporary))
        #expect(figures.listed.map(\.rows) == [20])
        #expect(figures.listed.map(\.candidates) == [nil])
    }

    // MARK: many fields

    @Test func theLargestFieldsAreListedAndTheOthersSummed() throws {
        let schema = TableSchema(dimension: 1, fieldBits: 12)
        var tally = try #require(FieldTally(schema))
        for field in 0..<300 as Range<UInt64> {
            for number in 0...(field % 100) {
                tally.add(row: Self.id(number, field: field, bits: 12), frequency: 2)
            }
        }
        let figures = tally.statistics
        #expect(figures.listed.count == FieldStatistics.listedMax)
        #expect(figures.otherFields == 44)
        // Three fields each of 1…14 rows, and of those with 15 the two whose numbers are largest.
        #expect(figures.others.rows == 3 * (1...14).reduce(0, +) + 2 * 15)
        #expect(figures.others.uses == 2 * figures.others.rows)
        let listed = figures.listed.compactMap(\.field)
        #expect(listed == listed.sorted())
        #expect(listed.contains(14) && !listed.contains(114) && !listed.contains(214))
        #expect(figures.listed.reduce(figures.others.rows) { $0 + $1.rows } == 3 * 5050)
    }

    @Test func memoryIsBoundedHoweverManyFieldsThereAre() throws {
        let schema = TableSchema(dimension: 1, fieldBits: 32)
        var tally = try #require(FieldTally(schema))
        let fields = UInt64(FieldTally.fieldsMax) + 500
        for _ in 0..<2 {
            for field in 0..<fields {
                tally.add(row: Self.id(1, field: field, bits: 32), frequency: 1)
            }
        }
        let figures = tally.statistics
        #expect(figures.otherFields == FieldTally.fieldsMax - FieldStatistics.listedMax + 1)
        #expect(figures.listed.allSatisfy { $0.rows == 2 })
        #expect(figures.listed.count == FieldStatistics.listedMax)
        #expect(
            figures.others.rows == 2 * (Int(fields) - FieldStatistics.listedMax))
    }
}
