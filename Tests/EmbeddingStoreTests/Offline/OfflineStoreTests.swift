import Foundation
import Testing

@testable import EmbeddingStore

/// Reading a store that nobody serves.
@Suite struct OfflineStoreTests {
    /// A store with two tables that was in use; `end` says how it came to rest.
    private func withSource(
        isClean: Bool, _ body: (String, [UInt64], [Float]) throws -> Void
    ) throws {
        let crashed = try CrashedStore()
        let table = try crashed.store.createTable(named: "t", .offline())
        _ = try crashed.store.createTable(named: "empty", .exact(dimension: 3))
        let ids: [UInt64] = [0, 1, 5, 1 << 40, .max] + Array(1000..<3000)
        _ = try table.pull(ids)
        try table.push(ids, (0..<ids.count * 8).map { Float($0 % 11) - 5 })
        let rows = try table.pull(ids)
        let copy = try crashed.die()
        if isClean { try CrashedStore.open(copy).close() }
        try body(copy, ids, rows)
    }

    @Test(arguments: [true, false])
    func allRowsComeInOrderWithTheirState(isClean: Bool) throws {
        try withSource(isClean: isClean) { path, ids, rows in
            let expected = Dictionary(
                uniqueKeysWithValues: ids.enumerated().map { at, id in
                    (id, Array(rows[at * 8..<at * 8 + 8]))
                })
            let store = try OfflineStore(path: path)
            #expect(store.tables.map(\.name) == ["empty", "t"])
            let table = try store.table(named: "t")
            #expect(table.rowCount == ids.count)
            var keys: [UInt64] = []
            var last = 0
            try table.scan(progress: { done, _ in last = done }) { row in
                keys.append(row.key)
                #expect(row.values == expected[row.key])
                #expect(row.precision == .float32)
                #expect(row.frequency >= 1)
                #expect(row.state.count == 1 && row.state[0] > 0.5, "one step was taken")
            }
            #expect(keys == ids.sorted())
            #expect(last == ids.count)
            var none = 0
            try store.table(named: "empty").scan { _ in none += 1 }
            #expect(none == 0)
            #expect(storeError { try store.table(named: "x") } == .unknownTable("x"))
        }
    }

    /// A source that was not stopped in good order is replayed elsewhere.
    @Test(arguments: [true, false]) func theSourceStaysAsItIs(isClean: Bool) throws {
        let folder = try OfflineFolder()
        try withSource(isClean: isClean) { path, ids, _ in
            try FileManager.default.copyItem(atPath: path, toPath: folder.source)
            let before = try folder.sourceFiles()
            var count = 0
            do {
                let store = try OfflineStore(path: folder.source)
                try store.table(named: "t").scan { _ in count += 1 }
            }
            #expect(count == ids.count)
            #expect(try folder.sourceFiles() == before)
            #expect(folder.names == ["source"], "no copy is left")
        }
    }

    @Test func aStoreInUseIsRefusedAndOneThatIsReadIsKept() throws {
        let temporary = try TemporaryStore()
        #expect(storeError { try OfflineStore(path: temporary.path) } == .inUse(temporary.path))
        try temporary.reopen(readOnly: true)
        try temporary.store.close()
        let offline = try OfflineStore(path: temporary.path)
        #expect(
            storeError {
                try Store(path: temporary.path, options: .init(memoryBytes: 1 << 20))
            } == .inUse(temporary.path))
        _ = offline.tables
    }

    @Test func whatIsNoStoreIsRefused() throws {
        let folder = try OfflineFolder()
        guard case .badDataDirectory = storeError({ try OfflineStore(path: folder.path) }) else {
            Issue.record("an empty folder is no store")
            return
        }
        #expect(folder.names.isEmpty)
    }

    /// A frequency is what it was at the store's last epoch.
    @Test func frequenciesAreHalvedWithEveryEpoch() {
        #expect(RowMeta.frequency(64, of: 3, at: 3) == 64)
        #expect(RowMeta.frequency(64, of: 3, at: 5) == 16)
        #expect(RowMeta.frequency(64, of: 250, at: 256 + 1) == 0)
        #expect(RowMeta.frequency(64, of: 254, at: 256) == 16)
        #expect(RowMeta.frequency(64, of: 9, at: 5) == 64, "from before a crash")
    }

    /// The numbers of `inspect`.
    @Test func aSurveyCountsEveryRow() throws {
        let folder = try OfflineFolder()
        var rows = (0..<1000).map {
            OfflineFolder.Row(
                key: UInt64($0), values: [Float](repeating: Float($0 % 3), count: 8),
                frequency: UInt16($0 % 5))
        }
        rows.append(.init(key: 2000, values: [.nan] + [Float](repeating: 1, count: 7)))
        try folder.write(rows, .offline())
        let store = try OfflineStore(path: folder.source)
        let survey = try TableSurvey(try store.table(named: "t"), in: store)
        #expect(survey.cold.rows == 1001)
        #expect(survey.hot.rows == 0)
        #expect(survey.nonFiniteRows == 1)
        #expect(survey.rowsByPrecision == [.float32: 1001])
        #expect(
            survey.frequencies.buckets == [
                .init(low: 0, high: 0, count: 200), .init(low: 1, high: 2, count: 201),
                .init(low: 2, high: 4, count: 400), .init(low: 4, high: 8, count: 200),
            ])
        // 8 ones have norm 2.83, 8 twos 5.66.
        #expect(
            survey.norms.buckets == [
                .init(low: 0, high: 0, count: 334), .init(low: 2, high: 4, count: 333),
                .init(low: 4, high: 8, count: 333),
            ])
        #expect(survey.scales.count == 0)
        #expect(survey.cold.rowBytes.row == 32)
        #expect(survey.cold.rowBytes.state == 4)
        #expect(survey.cold.rowBytes.total > 0)
        // float32: 8 + 4 + 4 + 32 is 48, a multiple of 16.
        #expect(survey.hot.rowBytes.total - survey.hot.rowBytes.index == 48)
        #expect(survey.hot.rowBytes.other == 0)
    }

    @Test func aSurveyTellsFieldsApart() throws {
        let temporary = try TemporaryStore()
        var schema = TableSchema.offline()
        schema.fieldBits = 2
        schema.scheme = .frequencyFiltered(.exact)
        schema.admissionCount = 2
        let table = try temporary.store.createTable(named: "t", schema)
        let ids = (0..<50).map { UInt64($0) } + (0..<9).map { 3 << 62 | UInt64($0) }
        for _ in 0..<3 { _ = try table.pull(ids) }
        _ = try table.pull([1 << 62])
        try temporary.store.close()
        let store = try OfflineStore(path: temporary.path)
        let fields = try #require(
            try TableSurvey(try store.table(named: "t"), in: store).fields)
        #expect(fields.listed.map(\.field) == [0, 1, 3])
        #expect(fields.listed.map(\.rows) == [50, 0, 9])
        #expect(fields.listed.map(\.candidates) == [0, 1, 0])
        #expect(fields.sharedRows == 3)
    }

    @Test func hotRowsAreThoseOfTheLastStop() throws {
        let temporary = try TemporaryStore()
        _ = try temporary.store.createTable(named: "t", .offline(cold: .int16))
            .pull(Array(0..<500))
        try temporary.store.close()
        let store = try OfflineStore(path: temporary.path)
        let survey = try TableSurvey(try store.table(named: "t"), in: store)
        #expect(survey.hot.rows == 500)
        #expect(survey.cold.rows == 500)
        #expect(survey.rowsByPrecision == [.float32: 500], "a stop keeps them exact")
    }
}
