import Foundation
import Testing

@testable import EmbeddingStore

/// A table that gets another scheme: what ids are served afterwards.
@Suite struct SchemeChangeTests {
    private func rows(_ count: Int) -> [OfflineFolder.Row] {
        var random = SeededGenerator(seed: 3)
        return (0..<count).map { id in
            OfflineFolder.Row(
                key: UInt64(id) * 7,
                values: (0..<8).map { _ in Float.random(in: -1...1, using: &random) },
                state: [1], frequency: UInt16(1 + id % 9))
        }
    }

    private func compact(
        _ folder: OfflineFolder, _ scheme: Scheme,
        _ change: (inout CompactionOptions) -> Void = { _ in }
    ) throws -> CompactionReport {
        var options = CompactionOptions()
        options.scheme = scheme
        change(&options)
        return try OfflineStore(path: folder.source)
            .compact(table: "t", options, output: folder.result)
    }

    /// The error that is told is that of what a server would answer.
    @Test(arguments: [
        Scheme.hashed(rows: 50), .doubleHashed(rows: 50, combine: .sum),
        .doubleHashed(rows: 50, combine: .concatenate),
        .quotientRemainder(rows: 40, combine: .sum),
        .quotientRemainder(rows: 40, combine: .concatenate),
        .quotientRemainder(rows: 40, combine: .multiply),
    ]) func theErrorIsThatOfWhatIsServed(scheme: Scheme) throws {
        let folder = try OfflineFolder()
        let rows = rows(600)
        try folder.write(rows, .offline())
        let report = try compact(folder, scheme)
        #expect(report.rowsAfter < 200 && report.rowsAfter == report.sharedRows)
        #expect(report.ownRows == 0)
        #expect(try OfflineStore(path: folder.result).table(named: "t").schema.scheme == scheme)
        let served = try OfflineFolder.pull(folder.result, rows.map(\.key))
        var squares = 0.0
        for (value, row) in zip(served, rows.flatMap(\.values)) {
            squares += Double((value - row) * (value - row))
        }
        let rms = (squares / Double(served.count)).squareRoot()
        #expect((report.error.rms - rms).magnitude < 1e-6)
        // Rows of zeros would have an error of 0.577.
        #expect(report.error.rms < 0.57, "\(report.error.rms)")
        #expect(report.error.rows == rows.count)
        #expect(try Verification(path: folder.result).isSound)
    }

    /// Training goes on from there.
    @Test func aStepMovesWhatIsServed() throws {
        let folder = try OfflineFolder()
        let rows = rows(100)
        try folder.write(rows, .offline())
        _ = try compact(folder, .doubleHashed(rows: 20, combine: .sum))
        let store = try Store(path: folder.result, options: .init(memoryBytes: 64 << 20))
        defer { try? store.close() }
        let table = try store.table(named: "t")
        let before = try table.pull([7])
        try table.push([7], [Float](repeating: 1, count: 8))
        for (was, now) in zip(before, try table.pull([7])) { #expect(now < was) }
    }

    /// Rows that are products are found again; the frequent ones of others are hit better, and at the
    /// end neither factor can be bettered while the other stays.
    @Test func productsAreFittedInTurns() throws {
        var random = SeededGenerator(seed: 17)
        let divisor = 25
        let factors = (0..<(divisor + 40) * 8).map { _ in
            Float.random(in: 0.2...2, using: &random)
        }
        func products(noise: Float) -> [OfflineFolder.Row] {
            (0..<900).filter { $0 % 11 != 3 }.map { (id: Int) -> OfflineFolder.Row in
                let values = (0..<8).map { (at: Int) -> Float in
                    let left = factors[(divisor + id / divisor) * 8 + at]
                    return left * factors[id % divisor * 8 + at]
                        + noise * Float.random(in: -1...1, using: &random)
                }
                return OfflineFolder.Row(
                    key: UInt64(id), values: values, state: [1],
                    frequency: UInt16(1 + 1000 / (id + 1)))
            }
        }
        let exact = try OfflineFolder()
        try exact.write(products(noise: 0), .offline())
        let scheme = Scheme.quotientRemainder(rows: divisor, combine: .multiply)
        var report = try compact(exact, scheme)
        #expect(report.error.relative < 1e-3, "\(report.error.relative)")
        #expect(report.sharedRows == divisor + 36 && report.ownRows == 0)
        #expect((2...20).contains(report.iterations))
        #expect(try Verification(path: exact.result).isSound)

        let folder = try OfflineFolder()
        let rows = products(noise: 0.5)
        try folder.write(rows, .offline())
        report = try compact(folder, scheme) { $0.tolerance = 1e-6 }
        let stored = Dictionary(
            uniqueKeysWithValues: try OfflineFolder.rows(folder.result).map { ($0.key, $0.values) })
        // By remainder: the sums of weighted errors × factor of the quotient, and what they are of.
        var gradients = [Float](repeating: 0, count: divisor * 8)
        var sizes = gradients
        for row in rows {
            let left = try #require(stored[row.key / UInt64(divisor)])
            let right = try #require(stored[~(row.key % UInt64(divisor))])
            for at in 0..<8 {
                let error = row.values[at] - left[at] * right[at]
                let weight = Float(row.frequency)
                gradients[Int(row.key) % divisor * 8 + at] += weight * error * left[at]
                sizes[Int(row.key) % divisor * 8 + at] += weight * (error * left[at]).magnitude
            }
        }
        for (gradient, size) in zip(gradients, sizes) {
            #expect(gradient.magnitude < 1e-3 * size)
        }
        let rare = try #require(report.bands.first)
        let frequent = try #require(report.bands.last)
        #expect(frequent.error.rms < rare.error.rms / 2)
    }

    /// The most frequent ids keep their rows, to the rounding of the disk; the others are served sums
    /// of shared rows that no other choice would bring nearer to what they were.
    @Test(arguments: [Precision.float32, .int16])
    func frequentIDsKeepTheirRowsAndOthersShare(cold: Precision) throws {
        let folder = try OfflineFolder()
        let rows = rows(900)
        try folder.write(rows, .offline(cold: cold))
        let before = try OfflineFolder.pull(folder.source, rows.map(\.key))
        let scheme = Scheme.frequencyDoubleHashed(own: 150, shared: 60, score: .count)
        let report = try compact(folder, scheme) {
            $0.admissionCount = 3
            $0.tolerance = 1e-7
        }
        let frequent = rows.sorted { ($1.frequency, $0.key) < ($0.frequency, $1.key) }.prefix(150)
        let owners = Set(frequent.map(\.key))
        #expect(report.ownRows == 150 && report.sharedRows == 60 && report.rowsAfter == 210)
        let stored = try OfflineFolder.rows(folder.result)
        #expect(Set(stored.map(\.key).filter { $0 < 10_000 }) == owners)
        #expect(try Verification(path: folder.result).isSound)

        let store = try Store(path: folder.result, options: .init(memoryBytes: 64 << 20))
        defer { try? store.close() }
        let table = try store.table(named: "t")
        #expect(table.schema.scheme == scheme && table.schema.admissionCount == 3)
        #expect(table.statistics().admission?.owners == 150)
        let served = try table.pull(rows.map(\.key), create: false)
        let keys = try #require(SharedKeys(table.schema))
        let sharedRows = Dictionary(uniqueKeysWithValues: stored.map { ($0.key, $0.values) })
        var gradients: [UInt64: [Float]] = [:]
        var weights: [UInt64: Float] = [:]
        var squares = 0.0
        for (at, row) in rows.enumerated() {
            let now = served[at * 8..<(at + 1) * 8]
            if owners.contains(row.key) {
                // What was on disk is on its grid already.
                #expect(Array(now) == Array(before[at * 8..<(at + 1) * 8]))
                continue
            }
            let pair = [keys.first(row.key), keys.second(row.key)]
            let first = try #require(sharedRows[pair[0]])
            let second = try #require(sharedRows[pair[1]])
            #expect(Array(now) == zip(first, second).map { $0 + $1 })
            for (element, (was, served)) in zip(before[at * 8..<(at + 1) * 8], now).enumerated() {
                squares += Double((was - served) * (was - served))
                for key in pair {
                    gradients[key, default: Array(repeating: 0, count: 8)][element] +=
                        Float(row.frequency) * (was - served)
                }
            }
            for key in pair { weights[key, default: 0] += Float(row.frequency) }
        }
        for (key, gradient) in gradients {
            #expect(gradient.allSatisfy { ($0 / weights[key, default: 0]).magnitude < 1e-4 })
        }
        #expect((report.error.rms - (squares / 7200).squareRoot()).magnitude < 1e-5)
        // All ids of the upper band own their rows: of frequencies 1 to 9 a hundred ids have each.
        #expect(report.bands.map(\.low) == [1, 2, 4, 8])
        #expect(report.bands.map(\.error.rows) == [100, 200, 400, 200])
        #expect(try #require(report.bands.last).error.rms < 0.4)
        #expect(report.bands.dropLast().allSatisfy { $0.error.rms > 0.4 })

        // A step of one who owns a row is nobody else's.
        let owner = try #require(frequent.first).key
        try table.push([owner], [Float](repeating: 1, count: 8))
        let after = try table.pull(rows.map(\.key), create: false)
        for (at, row) in rows.enumerated() {
            #expect((after[at * 8] != served[at * 8]) == (row.key == owner))
        }
    }

    /// Ids that are rare share one row, or one for each field: their weighted mean.
    @Test func rareIDsShareOneRowOfTheirField() throws {
        let folder = try OfflineFolder()
        let rows = rows(900).map { (row: OfflineFolder.Row) -> OfflineFolder.Row in
            var row = row
            // A field of one bit.
            row.key |= (row.key % 2) << 63
            return row
        }.sorted { $0.key < $1.key }
        var schema = TableSchema.offline()
        schema.fieldBits = 1
        try folder.write(rows, schema)
        let report = try compact(folder, .frequencyFiltered(.exact)) { $0.admissionCount = 6 }
        #expect(report.ownRows == 400 && report.sharedRows == 2)
        #expect(try Verification(path: folder.result).isSound)
        let served = try OfflineFolder.pull(folder.result, rows.map(\.key))
        for (at, row) in rows.enumerated() {
            let now = Array(served[at * 8..<(at + 1) * 8])
            if row.frequency >= 6 {
                #expect(now == row.values)
                continue
            }
            let field = rows.filter { $0.frequency < 6 && $0.key >> 63 == row.key >> 63 }
            let weight = field.reduce(Float(0)) { $0 + Float($1.frequency) }
            let mean =
                field.reduce(Float(0)) { $0 + Float($1.frequency) * $1.values[3] } / weight
            #expect((now[3] - mean).magnitude < 1e-5)
        }
        let band = try #require(report.bands.last)
        #expect(band.low == 8 && band.error.largest == 0)
    }

    @Test func whatCannotBeIsRefused() throws {
        let folder = try OfflineFolder()
        try folder.write(rows(100), .offline())
        func expect(_ scheme: Scheme, _ isRight: (StoreError?) -> Bool) {
            let error = storeError { try compact(folder, scheme) }
            #expect(isRight(error), "\(scheme): \(String(describing: error))")
            #expect(folder.names == ["source"])
        }
        let unsupported = { (error: StoreError?) in
            if case .unsupported = error { true } else { false }
        }
        expect(.hashed(rows: 0)) { if case .invalidSchema = $0 { true } else { false } }
        expect(.deepHash(hashes: 8, hidden: 4), unsupported)
        expect(.doubleHashed(rows: 1 << 30, combine: .sum), unsupported)
        // One of few ids, so that quotients are many.
        expect(.hashed(rows: 1 << 30), unsupported)
    }

    /// Which ids a table with shared rows has nobody knows.
    @Test func aTableWithSharedRowsKeepsItsScheme() throws {
        let folder = try OfflineFolder()
        var schema = TableSchema.offline()
        schema.scheme = .hashed(rows: 10)
        schema.timeToLive = 60
        let now = UnixClock.system.now()
        try folder.write(
            [
                .init(
                    key: .max, values: Array(repeating: 1, count: 8), frequency: 1, lastUse: now)
            ], schema)
        guard
            case .unsupported = storeError({ try compact(folder, .full) }),
            case .unsupported = storeError({
                try compact(folder, schema.scheme) { $0.countMin = 2 }
            }),
            case .unsupported = storeError({
                try compact(folder, schema.scheme) { $0.ageMax = 2 }
            })
        else {
            Issue.record("its rows belong to no id")
            return
        }
        #expect(try compact(folder, schema.scheme).rowsAfter == 1)
    }
}
