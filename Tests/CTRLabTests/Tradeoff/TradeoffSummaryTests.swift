import EmbeddingStore
import Foundation
import Testing

@testable import CTRLab

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite struct TradeoffSummaryTests {
    /// A record with just what a summary looks at.
    private func record(
        _ contestant: Contestant, _ ratio: Double = 1, variant: String = "", seed: UInt64 = 1,
        precision: String = "float32", bytes: Int, auc: Double, valid: Double = 0.7,
        stage: String = "comparison"
    ) throws -> TradeoffRecord {
        let json = """
            {"key": "k", "stage": "\(stage)", "contestant": "\(contestant.rawValue)",
             "variant": "\(variant)", "budgetRatio": \(ratio), "learningRate": 0.1,
             "embeddingL2": 0.001, "model": "fm", "scheme": "hashed:rows=1,x=<2>",
             "precision": "\(precision)", "ratio": \(ratio),
             "bytes": {"rows": \(bytes), "optimizerState": 10, "index": 20, "network": 30},
             "testAUC": \(auc), "testLogloss": 0.4, "testCalibration": 1, "validAUC": \(valid),
             "validLogloss": 0.4, "epochs": 1, "epochsRun": 2, "seed": \(seed),
             "samplesPerSecond": 1000, "seconds": 1.5}
            """
        return try JSONDecoder().decode(TradeoffRecord.self, from: Data(json.utf8))
    }

    private func summary() throws -> TradeoffSummary {
        try TradeoffSummary([
            record(.full, bytes: 1000, auc: 0.9, stage: "tuning"),
            record(.full, seed: 1, bytes: 1000, auc: 0.80),
            record(.full, seed: 2, bytes: 1000, auc: 0.82),
            record(.full, seed: 1, precision: "int8", bytes: 300, auc: 0.79),
            record(.full, seed: 2, precision: "int8", bytes: 300, auc: 0.83),
            record(.hashed, 10, seed: 1, bytes: 100, auc: 0.70),
            record(.hashed, 10, seed: 2, bytes: 100, auc: 0.74),
            record(.doubleHashed, 10, variant: "a", bytes: 100, auc: 0.75, valid: 0.6),
            record(.doubleHashed, 10, variant: "b", bytes: 100, auc: 0.71, valid: 0.8),
        ])
    }

    @Test func figuresAreOverSeedsAndPairs() throws {
        let summary = try summary()
        #expect(summary.points.count == 5 && summary.tuningRuns == 1)
        let full = summary.points[0]
        #expect(full.seeds == 2 && abs(full.testAUC.mean - 0.81) < 1e-9)
        #expect(abs(full.testAUC.deviation - 0.02 / 2.squareRoot()) < 1e-9)
        let int8 = summary.points[1]
        // −0.01 and +0.01, pair by pair.
        #expect(abs(try #require(int8.againstFloat32).mean) < 1e-9)
        #expect(abs(try #require(int8.againstFloat32).deviation - 0.02 / 2.squareRoot()) < 1e-9)
        #expect(full.againstFloat32 == nil)
        let hashed = summary.points[2]
        #expect(abs(try #require(hashed.againstFull).mean + 0.09) < 1e-9)
        #expect(summary.points[3].againstFull?.deviation == 0)
    }

    @Test func validationChoosesTheVariant() throws {
        let points = try summary().points
        #expect(points[3].variant == "a" && !points[3].isBestVariant)
        #expect(points[4].isBestVariant && points[0].isBestVariant)
    }

    @Test func theFrontHasWhatNothingSmallerBeats() throws {
        // Of the same bytes the better one; variants that validation left out do not count.
        #expect(try summary().points.map(\.isOnFront) == [false, true, true, false, false])
    }

    @Test func csvHasALineForEachPoint() throws {
        let lines = try summary().csv.split(separator: "\n")
        #expect(lines.count == 6)
        #expect(
            lines[1].hasPrefix(
                "fm,full,,float32,\"hashed:rows=1,x=<2>\",1.0,1.000,1000,10,20,30,2,0.81"))
        #expect(lines[0].split(separator: ",").count == 26)
    }

    @Test func recordsReadWhatTheyWrite() throws {
        let record = try record(.hashed, 10, variant: "v", bytes: 7, auc: 0.5)
        let data = try JSONEncoder().encode(record)
        #expect(try JSONDecoder().decode(TradeoffRecord.self, from: data) == record)
        let object = try #require(
            try JSONSerialization.jsonObject(with: data) as? [String: Any])
        // What is promised of a run, in one object.
        for key in [
            "model", "scheme", "precision", "ratio", "bytes", "testAUC", "testLogloss",
            "validAUC", "epochs", "seed", "samplesPerSecond", "contestant",
        ] {
            #expect(object[key] != nil, "\(key)")
        }
    }

    @Test func thereHasToBeARun() {
        #expect(throws: CTRLabError.self) { try TradeoffSummary([]) }
    }

    @Test(arguments: TradeoffChart.Measure.allCases)
    func thePictureHasEveryCurve(measure: TradeoffChart.Measure) throws {
        let svg = TradeoffChart(try summary(), measure).svg
        func count(_ text: String) -> Int { svg.ranges(of: text).count }
        #expect(count("class=\"curve\"") == 4)
        // The variant that was left out is not drawn.
        #expect(count("class=\"point\"") == 4 && count("class=\"front\"") == 1)
        #expect(svg.contains("x=&lt;2&gt;") && !svg.contains("x=<2>"))
        // Well-formed, every number finite.
        let parser = XMLParser(data: Data(svg.utf8))
        #expect(parser.parse(), "\(String(describing: parser.parserError))")
        #expect(!svg.contains("nan") && !svg.contains("inf"))
    }

    @Test func onePointIsAPictureToo() throws {
        let summary = try TradeoffSummary([record(.full, bytes: 1000, auc: 0.8)])
        let svg = TradeoffChart(summary).svg
        #expect(!svg.contains("nan") && svg.contains("class=\"point\""))
    }

    @Test func thePageNeedsNothingElse() throws {
        let html = TradeoffPage(try summary()).html
        #expect(!html.contains("src=") && !html.contains("href=") && !html.contains("@import"))
        #expect(html.contains("<td>hashed:rows=1,x=&lt;2&gt;</td>"))
        #expect(html.ranges(of: "<tr data-contestant").count == 5)
    }
}
