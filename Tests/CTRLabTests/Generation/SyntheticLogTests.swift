import Foundation
import Testing

@testable import CTRLab

@Suite struct SyntheticLogTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func settings(_ change: (inout SyntheticLog.Settings) -> Void = { _ in })
        -> SyntheticLog.Settings
    {
        var settings = SyntheticLog.Settings(
            rows: 3000,
            fields: [
                .init("a", cardinality: 50, exponent: 1.1),
                .init("b", cardinality: 10, exponent: 0.5),
            ])
        change(&settings)
        return settings
    }

    @Test func theTruthIsWrittenBesideTheRows() throws {
        let path = folder.path("log.csv")
        let truth = folder.path("truth")
        let summary = try SyntheticLog(settings()).write(to: path, probabilities: truth)
        let probabilities = try String(contentsOfFile: truth, encoding: .utf8)
            .split(separator: "\n").compactMap { Float($0) }
        var labels: [Float] = []
        let log = try ClickLog(files: [path], format: .csv(CSVColumns(labels: ["click"])))
        #expect(log.schema.fields.map(\.name) == ["a", "b"])
        var ids: Set<String> = []
        try log.forEachRow { row, _ in
            labels.append(row.labels[0])
            for value in row.values { ids.insert("\(value.field):\(row.text(of: value))") }
        }
        #expect(probabilities.count == 3000 && labels.count == 3000)
        #expect(summary.ids == ids.count && ids.count <= 60)
        #expect(summary.clicks == labels.count { $0 == 1 })
        let auc = try #require(AUC.of(scores: probabilities, labels: labels))
        #expect(abs(auc - summary.bestAUC) < 1e-6 && auc > 0.6)
        // Clicks come as often as their probability says: four deviations.
        let expected = Double(probabilities.reduce(0, +))
        #expect(abs(Double(summary.clicks) - expected) < 4 * (3000 * 0.25 as Double).squareRoot())
    }

    @Test func theSeedDecidesEverything() throws {
        func text(_ seed: UInt64) throws -> Data {
            let path = folder.path("log\(seed)")
            _ = try SyntheticLog(settings { $0.seed = seed }).write(to: path)
            return try Data(contentsOf: URL(filePath: path))
        }
        #expect(try text(1) == text(1))
        #expect(try text(1) != text(2))
    }

    @Test func idsAppearOverTime() throws {
        func newIDs(_ appearing: Double) throws -> Int {
            let path = folder.path("log")
            _ = try SyntheticLog(
                settings {
                    $0.appearing = appearing
                    $0.fields = [.init("a", cardinality: 40, exponent: 0.2)]
                }
            ).write(to: path)
            var first: Set<String> = []
            var second: Set<String> = []
            let log = try ClickLog(files: [path], format: .csv(CSVColumns(labels: ["click"])))
            try log.forEachRow { row, number in
                let id = row.text(of: row.values[0])
                if number < 1500 { first.insert(id) } else { second.insert(id) }
            }
            return second.subtracting(first).count
        }
        #expect(try newIDs(0) == 0)
        #expect(try newIDs(1) > 10)
    }

    @Test func settingsThatAreNoneAreRefused() {
        let changes: [(inout SyntheticLog.Settings) -> Void] = [
            { $0.rows = 5 }, { $0.fields = [] }, { $0.strength = -1 }, { $0.bias = .nan },
            { $0.interactions = 2 }, { $0.appearing = -0.1 },
            { $0.fields[0].cardinality = 0 }, { $0.fields[0].exponent = 0 },
            { $0.fields[0].name = "b" }, { $0.fields[0].name = "click" },
            { $0.fields[0].name = "a,b" },
        ]
        for change in changes {
            #expect(throws: CTRLabError.self) { try SyntheticLog(settings(change)) }
        }
    }

    @Test func oneClassIsNoLog() throws {
        let log = try SyntheticLog(settings { $0.bias = 100 })
        #expect(throws: CTRLabError.self) { try log.write(to: folder.path("log")) }
        #expect(try folder.names.isEmpty)
    }
}
