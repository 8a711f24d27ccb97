import Foundation
import Testing

@testable import EmbeddingStore

/// A table with fewer rows.
@Suite struct CompactionTests {
    /// Rows that are the sum of two of `shared` rows by the same hashes, and how often they are used.
    private func sums(
        _ count: Int, _ sharing: RowSharing, dimension: Int = 8, noise: Float = 0
    ) -> [OfflineFolder.Row] {
        var random = SeededGenerator(seed: 11)
        let parts = (0..<sharing.rowCount * dimension).map { _ in
            Float.random(in: -1...1, using: &random)
        }
        return (0..<count).map { id in
            let (first, second) = sharing.parts(UInt64(id))
            let values = (0..<dimension).map {
                parts[first * dimension + $0] + parts[second * dimension + $0]
                    + noise * Float.random(in: -1...1, using: &random)
            }
            return OfflineFolder.Row(
                key: UInt64(id), values: values, state: [Float(id % 7)],
                frequency: UInt16(1 + 1000 / (id + 1)))
        }
    }

    private func sharing(
        _ rule: RowSharing.Rule, own: RowSharing.OwnRows = .none, rows: Int
    ) -> RowSharing {
        let (one, two) = (KeyHash(salt: 1), KeyHash(salt: 2))
        return RowSharing(
            rule: rule, own: own, rowCount: rows, firstQuotient: rows,
            parts: { id in
                let first = Int(one(id) % UInt64(rows))
                return (first, rule == .one ? first : Int(two(id) % UInt64(rows)))
            }, key: { ~UInt64($0) }, firstKeyTaken: ~(UInt64(rows) - 1))
    }

    private func compact(
        _ folder: OfflineFolder, _ sharing: RowSharing?,
        _ change: (inout CompactionOptions) -> Void = { _ in }
    ) throws -> CompactionReport {
        var options = CompactionOptions()
        change(&options)
        let source = try OfflineStore(path: folder.source)
        let table = try source.table(named: "t")
        return try source.compact(
            table, to: table.schema, sharing: sharing, options, folder.result, nil)
    }

    @Test func rareRowsGo() throws {
        let folder = try OfflineFolder()
        let rows = sums(500, sharing(.sum, rows: 50))
        try folder.write(rows, .offline())
        let before = try folder.sourceFiles()
        var options = CompactionOptions()
        options.countMin = 6
        let report = try OfflineStore(path: folder.source)
            .compact(table: "t", options, output: folder.result)
        let kept = rows.filter { $0.frequency >= 6 }
        #expect(!kept.isEmpty && kept.count < rows.count)
        #expect(report.rareRows == rows.count - kept.count)
        #expect(report.rowsAfter == kept.count)
        #expect(report.rowsBefore == rows.count)
        #expect(report.error.rows == kept.count && report.error.largest == 0)
        let result = try OfflineFolder.rows(folder.result)
        #expect(result.map(\.key) == kept.map(\.key))
        #expect(result.map(\.values) == kept.map(\.values))
        #expect(result.map(\.state) == kept.map { $0.state })
        #expect(try folder.sourceFiles() == before)
        #expect(try Verification(path: folder.result).isSound)
    }

    /// Rows used `id % 4` times, `id` seconds before 10 000, in a table whose rows live 90 s.
    private func writeAges(
        _ folder: OfflineFolder, _ count: Int = 120
    ) throws -> [OfflineFolder.Row] {
        var schema = TableSchema.offline()
        schema.timeToLive = 90
        let rows = (0..<count).map { (id: Int) -> OfflineFolder.Row in
            let values = [Float](repeating: Float(id), count: 8)
            return OfflineFolder.Row(
                key: UInt64(id), values: values, state: [1], frequency: UInt16(id % 4),
                lastUse: UInt32(10_000 - id))
        }
        try folder.write(rows, schema)
        return rows
    }

    /// A row that is both rare and expired counts as expired.
    @Test(arguments: [(0, nil), (0, 50), (0, 200), (2, nil), (2, 50)] as [(Int, UInt32?)])
    func expiredRowsGo(countMin: Int, ageMax: UInt32?) throws {
        let folder = try OfflineFolder()
        let rows = try writeAges(folder)
        var options = CompactionOptions()
        options.countMin = countMin
        options.ageMax = ageMax
        options.now = 10_000
        let report = try OfflineStore(path: folder.source)
            .compact(table: "t", options, output: folder.result)
        let young = rows.filter { 10_000 - $0.lastUse <= min(ageMax ?? 90, 90) }
        let kept = young.filter { Int($0.frequency) >= countMin }
        #expect(report.expiredRows == rows.count - young.count)
        #expect(report.rareRows == young.count - kept.count)
        #expect(report.rowsAfter == kept.count && report.error.rows == kept.count)
        let result = try OfflineFolder.rows(folder.result)
        #expect(result.map(\.key) == kept.map(\.key))
        #expect(result.map(\.lastUse) == kept.map(\.lastUse))
    }

    /// They are not among the frequent, and shared rows are not fitted to them.
    @Test func expiredRowsHaveNoPartInAnotherScheme() throws {
        let folder = try OfflineFolder()
        _ = try writeAges(folder)
        var options = CompactionOptions()
        options.now = 10_000
        options.ageMax = 9
        options.scheme = .frequencyDoubleHashed(own: 4, shared: 1, score: .count)
        let report = try OfflineStore(path: folder.source)
            .compact(table: "t", options, output: folder.result)
        #expect(report.expiredRows == 110 && report.rareRows == 0)
        #expect(report.ownRows == 4 && report.error.rows == 10)
        let result = try OfflineFolder.rows(folder.result)
        #expect(result.map(\.key) == [2, 3, 6, 7, ~0])
        // Ids 0, 1, 4, 5, 8 and 9, of which 0, 4 and 8 count for one though they are not used, and two
        // of the shared row make one of an id.
        #expect((try #require(result.last).values[0] - Float(27) / 6 / 2).magnitude < 1e-5)
        #expect(try #require(result.last).lastUse == 10_000)
    }

    /// Nobody is served a shared row that has outlived its time either; but its age is no id's.
    @Test func sharedRowsExpireWithTheTableAlone() throws {
        let folder = try OfflineFolder()
        var schema = TableSchema.offline()
        schema.timeToLive = 90
        schema.scheme = .frequencyFiltered(.exact)
        schema.admissionCount = 2
        schema.fieldBits = 1
        let values = [Float](repeating: 1, count: 8)
        try folder.write(
            [
                .init(key: 5, values: values, frequency: 9, lastUse: 9_940),
                .init(key: 6, values: values, frequency: 9, lastUse: 9_960),
                .init(key: .max - 1, values: values, frequency: 0, lastUse: 9_000),
                .init(key: .max, values: values, frequency: 0, lastUse: 9_940),
            ], schema)
        var options = CompactionOptions()
        options.now = 10_000
        options.ageMax = 50
        options.countMin = 2
        let report = try OfflineStore(path: folder.source)
            .compact(table: "t", options, output: folder.result)
        #expect(try OfflineFolder.rows(folder.result).map(\.key) == [6, .max])
        #expect(report.expiredRows == 2 && report.rareRows == 0)
    }

    @Test func anAgeNeedsTimesThatAreKept() throws {
        let folder = try OfflineFolder()
        try folder.write(sums(10, sharing(.sum, rows: 5)), .offline())
        var options = CompactionOptions()
        options.ageMax = 5
        for scheme in [nil, Scheme.hashed(rows: 3)] {
            options.scheme = scheme
            let source = try OfflineStore(path: folder.source)
            #expect(
                storeError { try source.compact(table: "t", options, output: folder.result) }
                    == .keepsNoTimes(table: "t"))
            #expect(folder.names == ["source"])
        }
    }

    /// Rows that were in memory are on disk as they were there, until a compaction.
    @Test func rowsAreInThePrecisionOfTheDiskAfterwards() throws {
        let temporary = try TemporaryStore()
        let folder = try OfflineFolder()
        let schema = TableSchema(
            dimension: 8, initializer: .uniform(low: -1, high: 1), coldPrecision: .int16)
        _ = try temporary.store.createTable(named: "t", schema).pull(Array(0..<6000))
        try temporary.store.close()
        let report = try OfflineStore(path: temporary.path)
            .compact(table: "t", CompactionOptions(), output: folder.result)
        #expect(report.rowsAfter == 6000)
        #expect(report.error.relative > 0 && report.error.relative < 1e-4)
        #expect(report.bytesAfter < report.bytesBefore * 3 / 4)
        #expect(try OfflineFolder.rows(folder.result).allSatisfy { $0.precision == .int16 })
    }

    @Test func sumsAreFoundAgain() throws {
        let folder = try OfflineFolder()
        let sharing = sharing(.sum, rows: 60)
        try folder.write(sums(2000, sharing), .offline())
        let report = try compact(folder, sharing) { $0.tolerance = 1e-6 }
        #expect(report.ownRows == 0 && report.sharedRows == 60)
        #expect(report.rowsAfter == 60)
        #expect(report.error.relative < 1e-3, "\(report.error.relative)")
        #expect(report.iterations > 1 && report.residual <= 1e-6)
        #expect(report.bytesAfter < report.bytesBefore / 8)
        let result = try OfflineFolder.rows(folder.result)
        #expect(result.map(\.key) == (0..<60).map { ~UInt64(59 - $0) })
    }

    /// Where the weighted errors of the ids that a shared row stands for sum to zero, no other choice
    /// is better.
    @Test func theFitIsTheWeightedLeastSquares() throws {
        let folder = try OfflineFolder()
        let sharing = sharing(.sum, rows: 40)
        let rows = sums(1500, sharing, noise: 0.5)
        try folder.write(rows, .offline())
        let report = try compact(folder, sharing) { $0.tolerance = 1e-7 }
        let result = Dictionary(
            uniqueKeysWithValues: try OfflineFolder.rows(folder.result).map { ($0.key, $0.values) })
        var gradients = [[Float]](repeating: [Float](repeating: 0, count: 8), count: 40)
        var weights = [Float](repeating: 0, count: 40)
        var squares = 0.0
        for row in rows {
            let (first, second) = sharing.parts(row.key)
            let one = try #require(result[~UInt64(first)])
            let two = try #require(result[~UInt64(second)])
            for at in 0..<8 {
                let error = row.values[at] - one[at] - two[at]
                squares += Double(error * error)
                for part in [first, second] {
                    gradients[part][at] += Float(row.frequency) * error
                }
            }
            for part in [first, second] { weights[part] += Float(row.frequency) }
        }
        for (gradient, weight) in zip(gradients, weights) {
            #expect(gradient.allSatisfy { ($0 / weight).magnitude < 1e-4 })
        }
        #expect((report.error.rms - (squares / 12_000).squareRoot()).magnitude < 1e-5)
        #expect(report.error.rows == rows.count)
        // What is used often is hit better.
        let rare = try #require(report.bands.first { $0.low == 1 })
        let frequent = try #require(report.bands.last)
        #expect(frequent.error.rms < rare.error.rms)
        #expect(report.bands.reduce(0) { $0 + $1.error.rows } == rows.count)
    }

    @Test func oneRowForManyIsTheirWeightedMean() throws {
        let folder = try OfflineFolder()
        let sharing = sharing(.one, rows: 10)
        let rows = sums(300, sharing, noise: 1)
        try folder.write(rows, .offline())
        let report = try compact(folder, sharing)
        #expect(report.iterations == 0)
        for shared in try OfflineFolder.rows(folder.result) {
            let group = rows.filter { sharing.parts($0.key).first == Int(~shared.key) }
            let weight = group.reduce(Float(0)) { $0 + Float($1.frequency) }
            for at in 0..<8 {
                let mean =
                    group.reduce(Float(0)) { $0 + Float($1.frequency) * $1.values[at] } / weight
                #expect((mean - shared.values[at]).magnitude < 1e-5)
            }
            let state =
                group.reduce(Float(0)) { $0 + Float($1.frequency) * ($1.state?[0] ?? 0) } / weight
            #expect((state - shared.state[0]).magnitude < 1e-4)
            #expect(Float(shared.frequency) == min(weight, 65_535))
        }
    }

    /// Exactly the most frequent keep their rows; of equals the smaller id.
    @Test(arguments: [0, 1, 37, 400, 5000]) func frequentIdsKeepTheirRows(own: Int) throws {
        let folder = try OfflineFolder()
        let sharing = sharing(.sum, own: .mostFrequent(own), rows: 16)
        let rows = sums(400, sharing, noise: 1)
        try folder.write(rows, .offline())
        let report = try compact(folder, sharing)
        let expected = rows.sorted { ($1.frequency, $0.key) < ($0.frequency, $1.key) }.prefix(own)
        let kept = try OfflineFolder.rows(folder.result).filter { $0.key < 400 }
        #expect(kept.map(\.key) == expected.map(\.key).sorted())
        #expect(report.ownRows == min(own, 400))
        for row in kept { #expect(row.values == rows[Int(row.key)].values) }
        #expect(report.sharedRows == (own >= 400 ? 0 : 16))
    }

    @Test func sharedKeysAreNoOnesOwn() throws {
        let folder = try OfflineFolder()
        let sharing = sharing(.one, own: .mostFrequent(10), rows: 4)
        let values = [Float](repeating: 3, count: 8)
        try folder.write(
            [
                .init(key: 1, values: values, frequency: 5),
                .init(key: .max, values: values, frequency: 9),
            ], .offline())
        let report = try compact(folder, sharing)
        #expect(report.ownRows == 1)
        #expect(report.sharedRows == 1)
    }

    /// Pairs of rows that go round in an even circle leave a choice; the sums do not.
    @Test func aFitWithoutOneAnswerFindsOne() throws {
        let folder = try OfflineFolder()
        let sharing = RowSharing(
            rule: .sum, own: .none, rowCount: 4, firstQuotient: 4,
            parts: { [(0, 2), (2, 1), (1, 3), (3, 0), (0, 0)][Int($0)] },
            key: { ~UInt64($0) }, firstKeyTaken: .max - 3)
        try folder.write(
            (0..<4).map {
                .init(key: $0, values: [Float](repeating: 5, count: 8), frequency: 3)
            }, .offline())
        let report = try compact(folder, sharing)
        #expect(report.error.largest < 1e-3)
        #expect(report.iterations < 5)
    }

    @Test func aPairOfOneRowCountsTwice() throws {
        let folder = try OfflineFolder()
        let sharing = RowSharing(
            rule: .sum, own: .none, rowCount: 2, firstQuotient: 2, parts: { _ in (1, 1) },
            key: { ~UInt64($0) }, firstKeyTaken: .max - 1)
        try folder.write(
            [.init(key: 0, values: [Float](repeating: 5, count: 8))], .offline())
        #expect(try compact(folder, sharing).error.largest < 1e-5)
        #expect(try OfflineFolder.rows(folder.result).map(\.values)[0].allAre(2.5))
    }

    /// FTRL makes a row of its state; the first step must not throw away what was fitted.
    @Test func theStateOfFTRLMakesTheRow() throws {
        let folder = try OfflineFolder()
        let sharing = sharing(.one, rows: 3)
        let schema = TableSchema.offline(
            optimizer: .ftrl(alpha: 0.1, beta: 1, l1: 0.01, l2: 0.1))
        let rows = sums(30, sharing).map { row in
            OfflineFolder.Row(
                key: row.key, values: row.values,
                state: (0..<16).map { Float($0 < 8 ? 1 : 4) }, frequency: 1)
        }
        try folder.write(rows, schema)
        _ = try compact(folder, sharing)
        let before = try OfflineFolder.rows(folder.result)
        let store = try Store(path: folder.result, options: .init(memoryBytes: 64 << 20))
        defer { try? store.close() }
        let table = try store.table(named: "t")
        let keys = before.map(\.key)
        // A step without gradient makes the row anew.
        try table.push(keys, [Float](repeating: 0, count: keys.count * 8))
        for (was, now) in zip(before.flatMap(\.values), try table.pull(keys)) {
            #expect((was - now).magnitude < 1e-5)
        }
    }

    @Test func badInputLeavesNothingBehind() throws {
        let folder = try OfflineFolder()
        var rows = sums(100, sharing(.sum, rows: 5))
        rows[7].values[0] = .infinity
        try folder.write(rows, .offline())
        for sharing in [nil, sharing(.sum, rows: 5), sharing(.one, rows: 5)] {
            #expect(
                storeError { try compact(folder, sharing) } == .nonFinite("row 7 of table 't'"))
            #expect(folder.names == ["source"])
        }
        let source = try OfflineStore(path: folder.source)
        #expect(
            storeError {
                try source.compact(table: "x", CompactionOptions(), output: folder.result)
            } == .unknownTable("x"))
        #expect(
            storeError {
                try source.compact(table: "t", CompactionOptions(), output: folder.source)
            } == .cannotCreate("\(folder.source) exists"))
    }
}
