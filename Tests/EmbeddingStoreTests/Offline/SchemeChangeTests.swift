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
        expect(.quotientRemainder(rows: 10, combine: .multiply), unsupported)
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
