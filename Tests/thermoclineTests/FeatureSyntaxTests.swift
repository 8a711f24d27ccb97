import CTRLab
import Testing

@testable import thermocline

/// The words that `train` takes for splits and numbers.
@Suite struct FeatureSyntaxTests {
    @Test func splits() throws {
        #expect(
            try FeatureSyntax.split("sequential:0.8,0.1,0.1")
                == .sequential(training: 0.8, validation: 0.1, test: 0.1))
        #expect(
            try FeatureSyntax.split("rows:64000,8000,8000")
                == .sequentialRows(training: 64_000, validation: 8000, test: 8000))
        #expect(
            try FeatureSyntax.split("random:0.5,0.25,0.25,7")
                == .random(training: 0.5, validation: 0.25, test: 0.25, seed: 7))
        for text in [
            "", "sequential", "sequential:0.8,0.2", "rows:1.5,1,1", "random:0.8,0.1,0.1",
            "random:0.8,0.1,0.1,-1", "chance:1,1,1",
        ] {
            #expect(throws: SchemaSyntax.Malformed.self) { try FeatureSyntax.split(text) }
        }
    }

    @Test func numbers() throws {
        #expect(
            try FeatureSyntax.numbers("normalized:100+sqrt+square+log+raw")
                == [.normalized(bins: 100), .squareRoot, .square, .log, .raw])
        #expect(
            try FeatureSyntax.numbers("equal-frequency:8+equal-width:9+log-buckets+tree:10+scaled")
                == [
                    .equalFrequency(bins: 8), .equalWidth(bins: 9), .logBuckets,
                    .tree(leaves: 10), .scaledEmbedding,
                ])
        let field = try FeatureSyntax.numberField("I1=raw+log")
        #expect(field.name == "I1" && field.encodings == [.raw, .log])
        for text in ["", "raw+", "tree", "tree:x", "tree:1.5", "cube"] {
            #expect(throws: SchemaSyntax.Malformed.self) { try FeatureSyntax.numbers(text) }
        }
        #expect(throws: SchemaSyntax.Malformed.self) { try FeatureSyntax.numberField("raw") }
    }

    @Test func networks() throws {
        #expect(try FeatureSyntax.numberNetwork("none") == .none)
        #expect(try FeatureSyntax.numberNetwork("dlrm:64,32") == .dlrm(hidden: [64, 32]))
        #expect(
            try FeatureSyntax.numberNetwork("autodis:20,0.5")
                == .autoDis(metaEmbeddings: 20, temperature: 0.5))
        #expect(try FeatureSyntax.widths("400,400") == [400, 400])
        for text in ["dlrm:x", "autodis:20", "autodis:1.5,1", "mlp"] {
            #expect(throws: SchemaSyntax.Malformed.self) { try FeatureSyntax.numberNetwork(text) }
        }
        #expect(throws: SchemaSyntax.Malformed.self) { try FeatureSyntax.widths("4,b") }
    }
}
