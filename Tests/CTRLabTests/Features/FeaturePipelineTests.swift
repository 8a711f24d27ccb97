import Foundation
import Testing

@testable import CTRLab

/// What rows become, and that only training rows have a say in it.
@Suite struct FeaturePipelineTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// A log of an id `a` and a number `n`; the first rows are for training, then two and two.
    private func log(_ rows: [(click: Int, a: String, n: String)]) throws -> SplitLog {
        let text = "click,a,n\n" + rows.map { "\($0.click),\($0.a),\($0.n)\n" }.joined()
        let columns = CSVColumns(labels: ["click"], numbers: ["n"])
        let log = try ClickLog(files: [folder.write("log", text)], format: .csv(columns))
        return .divided(
            log, .sequentialRows(training: rows.count - 4, validation: 2, test: 2))
    }

    /// Rows after the training rows, of both classes.
    private let rest = [
        (click: 0, a: "y", n: "-5"), (1, "new", "500"), (0, "x", ""), (1, "y", "7"),
    ]

    private func ids(_ log: EncodedLog, field: Int) -> [UInt64] { log.groups(field: field) }

    @Test func rareIDsShareOne() throws {
        let rows = [(1, "x", "1"), (0, "x", "1"), (1, "y", "1"), (0, "z", "1")]
        let log = try log(rows.map { (click: $0.0, a: $0.1, n: $0.2) } + rest)
        let hash = FeatureHash(field: "a")
        let x = hash.id(.value, "x".utf8)
        let all = try FeaturePipeline.fit(FeaturePlan(), log).encode(log)
        #expect(
            ids(all.training, field: 0) == [x, x] + ["y", "z"].map { hash.id(.value, $0.utf8) })
        // y comes again after the training rows, which does not count.
        let filtered = try FeaturePipeline.fit(FeaturePlan(idCountMin: 2), log).encode(log)
        let rare = hash.id(.rare)
        #expect(ids(filtered.training, field: 0) == [x, x, rare, rare])
        #expect(ids(filtered.validation, field: 0) == [rare, rare])
        #expect(ids(filtered.test, field: 0) == [x, rare])
        let byField = FeaturePlan(idCountMin: 2, idCountMinByField: ["a": 1])
        let kept = try FeaturePipeline.fit(byField, log).encode(log)
        #expect(kept.training == all.training)
    }

    @Test func numbersForTheNetwork() throws {
        let rows = (1...10).map { (click: $0 % 2, a: "x", n: "\($0)") } + rest
        let log = try log(rows)
        let plan = FeaturePlan(
            numbers: [.normalized(bins: 5), .raw, .squareRoot, .square, .log])
        let encoded = try FeaturePipeline.fit(plan, log).encode(log)
        #expect(encoded.training.shape == FeatureShape(fields: 1, numbers: 5, labels: 1))
        // Bounds 2, 4, 6, 8: a value in bin b becomes b/5.
        let normalized = stride(from: 0, to: 50, by: 5).map { encoded.training.numbers[$0] }
        #expect(normalized == [0, 0.2, 0.2, 0.4, 0.4, 0.6, 0.6, 0.8, 0.8, 0.8])
        #expect(Array(encoded.training.numbers[15..<20]) == [0.4, 4, 2, 16, Float(log1p(4.0))])
        // Beyond what training has seen.
        #expect(
            encoded.validation.numbers
                == [0, -5, -Float(5).squareRoot(), 25, -Float(log1p(5.0))]
                + [0.8, 500, Float(500).squareRoot(), 250_000, Float(log1p(500.0))])
        // A missing number is 0 everywhere.
        #expect(Array(encoded.test.numbers[0..<5]) == [0, 0, 0, 0, 0])
    }

    @Test func bucketsOfNumbers() throws {
        let rows = (1...10).map { (click: $0 % 2, a: "x", n: "\($0 * $0)") } + rest
        let log = try log(rows)
        let hash = FeatureHash(field: "n")
        func buckets(_ encoding: NumberEncoding) throws -> (training: [UInt64], test: [UInt64]) {
            let encoded = try FeaturePipeline.fit(FeaturePlan(numbers: [encoding]), log)
                .encode(log)
            #expect(encoded.training.shape == FeatureShape(fields: 2, numbers: 0, labels: 1))
            return (ids(encoded.training, field: 1), ids(encoded.test, field: 1))
        }
        func expected(_ buckets: [Int]) -> [UInt64] { buckets.map { hash.id(bucket: $0) } }
        let frequency = try buckets(.equalFrequency(bins: 5))
        #expect(frequency.training == expected([0, 1, 1, 2, 2, 3, 3, 4, 4, 4]))
        #expect(frequency.test == [hash.id(.value), hash.id(bucket: 1)])
        // 1 to 100 in three parts of 33.
        #expect(
            try buckets(.equalWidth(bins: 3)).training
                == expected([0, 0, 0, 0, 0, 1, 1, 1, 2, 2]))
        let logarithms = (1...10).map { number -> Int in
            let x = Double(number * number)
            return x > 2 ? Int(Foundation.log(x) * Foundation.log(x)) + 3 : Int(x)
        }
        #expect(try buckets(.logBuckets).training == expected(logarithms))
    }

    @Test func treesCutWhereTheLabelChanges() throws {
        // Clicks between 30 and 60 only.
        let rows = (0..<100).flatMap { n in
            (0..<10).map { _ in (click: (30..<60).contains(n) ? 1 : 0, a: "x", n: "\(n)") }
        }
        let log = try log(rows + rest)
        let pipeline = try FeaturePipeline.fit(FeaturePlan(numbers: [.tree(leaves: 8)]), log)
        guard case .number(let fitted) = pipeline.fields[1] else {
            Issue.record("not a number")
            return
        }
        #expect(fitted[0].bounds == [30, 60])
        let two = try FeaturePipeline.fit(FeaturePlan(numbers: [.tree(leaves: 2)]), log)
        guard case .number(let fitted) = two.fields[1] else { return }
        #expect(fitted[0].bounds.count == 1)
    }

    @Test func oneEmbeddingIsScaled() throws {
        let rows = (1...10).map { (click: $0 % 2, a: "x", n: "\($0)") } + rest
        let log = try log(rows)
        let encoded = try FeaturePipeline.fit(FeaturePlan(numbers: [.scaledEmbedding]), log)
            .encode(log)
        let scaled = FeatureHash(field: "n").id(.scaled)
        #expect(Set(ids(encoded.training, field: 1)) == [scaled])
        let weights = try #require(encoded.training.bags.weights)
        let ofNumbers = stride(from: 1, to: weights.count, by: 2).map { weights[$0] }
        #expect(ofNumbers == ofNumbers.sorted() && ofNumbers.last! <= 1 && ofNumbers.last! > 0.9)
        #expect(ids(encoded.test, field: 1)[0] == FeatureHash(field: "n").id(.value))
    }

    @Test func severalEncodingsOfAFieldHaveDifferentIDs() throws {
        let rows = (1...10).map { (click: $0 % 2, a: "x", n: "\($0)") } + rest
        let log = try log(rows)
        let plan = FeaturePlan(
            numbersByField: ["n": [.equalWidth(bins: 4), .equalFrequency(bins: 4), .log]])
        let encoded = try FeaturePipeline.fit(plan, log).encode(log)
        #expect(encoded.training.shape == FeatureShape(fields: 3, numbers: 1, labels: 1))
        let width = Set(ids(encoded.training, field: 1))
        #expect(width.isDisjoint(with: ids(encoded.training, field: 2)))
    }

    @Test func aSavedPipelineDoesTheSame() throws {
        let rows = (0..<200).map { (click: $0 % 2, a: "\($0 % 7)", n: "\($0)") } + rest
        let log = try log(rows)
        let plan = FeaturePlan(
            idCountMin: 3,
            numbers: [.tree(leaves: 4), .normalized(bins: 10), .equalWidth(bins: 3)])
        let pipeline = try FeaturePipeline.fit(plan, log)
        let saved = try FeaturePipeline(pipeline.data())
        #expect(saved == pipeline)
        let first = try pipeline.encode(log)
        #expect(try saved.encode(log).test == first.test)
        #expect(throws: CTRLabError.self) { try FeaturePipeline(Data("{}".utf8)) }
    }

    @Test func aPipelineIsForOneKindOfLog() throws {
        let first = try log((0..<10).map { (click: $0 % 2, a: "x", n: "1") } + rest)
        let pipeline = try FeaturePipeline.fit(FeaturePlan(), first)
        let path = try folder.write("other", "click,b\n1,x\n")
        let other = try ClickLog(files: [path], format: .csv(CSVColumns(labels: ["click"])))
        #expect(throws: CTRLabError.self) {
            try pipeline.encode(
                .divided(other, .sequentialRows(training: 1, validation: 0, test: 0)))
        }
    }

    @Test func plansHaveToFitTheLog() throws {
        let log = try log((0..<10).map { (click: $0 % 2, a: "x", n: "1") } + rest)
        for plan in [
            FeaturePlan(numbersByField: ["a": [.raw]]), FeaturePlan(numbersByField: ["q": [.raw]]),
            FeaturePlan(idCountMinByField: ["n": 3]), FeaturePlan(numbers: [.tree(leaves: 1)]),
        ] {
            #expect(throws: CTRLabError.self) { try FeaturePipeline.fit(plan, log) }
        }
    }

    @Test func oneClassIsNotEnough() throws {
        let log = try log((0..<10).map { _ in (click: 1, a: "x", n: "1") } + rest)
        let pipeline = try FeaturePipeline.fit(FeaturePlan(), log)
        #expect(
            throws: CTRLabError.badInput(
                "all 10 training rows have click 1; both classes are needed")
        ) { try pipeline.encode(log) }
    }

    @Test func featuresOfAFieldComeTogether() throws {
        let text = "1 1:a:1 0:b:0.5 1:c:2\n0 0:b:1\n1 1:a:1\n0 0:b:1\n1 1:a:1\n0 0:b:1\n"
        let source = try ClickLog(files: [folder.write("ffm", text)], format: .libffm())
        let log = SplitLog.divided(
            source, .sequentialRows(training: 2, validation: 2, test: 2))
        let encoded = try FeaturePipeline.fit(FeaturePlan(), log).encode(log).training
        #expect(encoded.bags.offsets == [0, 1, 3, 4, 5])
        #expect(encoded.bags.weights == [0.5, 1, 2, 1, 1])
        let f1 = FeatureHash(field: "f1")
        let cells = encoded.bags.rows.map { encoded.vocabulary[Int($0)] }
        #expect(cells[1] == f1.id(.value, "a".utf8) && cells[2] == f1.id(.value, "c".utf8))
        // A field without features is missing.
        #expect(cells[4] == f1.id(.value))
    }
}
