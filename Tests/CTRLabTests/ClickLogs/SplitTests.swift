import Testing

@testable import CTRLab

/// Which rows are for what.
@Suite struct SplitTests {
    private let folder: TemporaryFolder
    private let log: ClickLog

    init() throws {
        folder = try TemporaryFolder()
        let rows = (0..<1000).map { "\($0 % 2) \($0):1" }.joined(separator: "\n")
        log = try ClickLog(files: [folder.write("log", rows)], format: .libsvm())
    }

    private func parts(_ split: Split) throws -> [Part: [Int]] {
        var parts: [Part: [Int]] = [:]
        try SplitLog.divided(log, split).forEachRow(of: Set(Part.allCases)) { row, part in
            parts[part, default: []].append(Int(row.text(of: row.values[0])) ?? -1)
        }
        return parts
    }

    @Test func sequentialPartsFollowOneAnother() throws {
        for split in [
            Split.sequential(training: 0.7, validation: 0.1, test: 0.2),
            .sequentialRows(training: 700, validation: 100, test: 200),
        ] {
            let parts = try parts(split)
            #expect(parts[.training] == Array(0..<700))
            #expect(parts[.validation] == Array(700..<800))
            #expect(parts[.test] == Array(800..<1000))
        }
        let short = try parts(.sequentialRows(training: 10, validation: 5, test: 5))
        #expect(short[.test] == Array(15..<20))
    }

    @Test func chanceIsRepeatable() throws {
        func split(_ seed: UInt64) throws -> [Part: [Int]] {
            try parts(.random(training: 0.5, validation: 0.2, test: 0.2, seed: seed))
        }
        let first = try split(1)
        #expect(try split(1) == first)
        #expect(try split(2) != first)
        let counts = Part.allCases.map { first[$0]?.count ?? 0 }
        // Four deviations.
        #expect(abs(counts[0] - 500) < 64 && abs(counts[1] - 200) < 51 && abs(counts[2] - 200) < 51)
        let all = Part.allCases.flatMap { first[$0] ?? [] }
        #expect(Set(all).count == all.count && all.count < 1000)
    }

    @Test func filesAreParts() throws {
        let other = try folder.write("other", "1 5:1\n")
        let log = SplitLog.files(
            training: log, validation: log.reading([other]), test: log.reading([other]))
        var counts: [Part: Int] = [:]
        try log.forEachRow(of: [.training, .test]) { _, part in counts[part, default: 0] += 1 }
        #expect(counts == [.training: 1000, .test: 1])
    }

    @Test func sharesThatAreNoneAreRefused() {
        for split in [
            Split.sequential(training: 0.9, validation: 0.1, test: 0.1),
            .random(training: -0.1, validation: 0.5, test: 0.5, seed: 1),
            .sequentialRows(training: -1, validation: 1, test: 1),
        ] {
            #expect(throws: CTRLabError.self) { try parts(split) }
        }
    }
}
