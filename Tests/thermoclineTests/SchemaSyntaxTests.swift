import EmbeddingWire
import Testing

@testable import thermocline

@Suite struct SchemaSyntaxTests {
    @Test(arguments: [
        ("adagrad:lr=0.05,eps=1e-10", .adagrad(learningRate: 0.05)),
        ("adagrad", .adagrad(learningRate: 0.01)),
        (
            "adagrad:eps=1e-8,initial=0.1,lr=1",
            .adagrad(learningRate: 1, initialAccumulator: 0.1, epsilon: 1e-8)
        ),
        ("rowwise-adagrad:lr=0.1", .rowwiseAdagrad(learningRate: 0.1)),
        ("rowwiseAdagrad:lr=0.1", .rowwiseAdagrad(learningRate: 0.1)),
        ("sgd:lr=2", .sgd(learningRate: 2)),
        ("momentum:lr=1,momentum=0.5", .momentum(learningRate: 1, momentum: 0.5)),
        ("adam", .adam(learningRate: 0.001)),
        ("adam:beta2=0.99", .adam(learningRate: 0.001, beta2: 0.99)),
        ("ftrl:alpha=0.1,l1=0.5", .ftrl(alpha: 0.1, l1: 0.5)),
    ] as [(String, Optimizer)])
    func optimizersAreRead(text: String, optimizer: Optimizer) throws {
        #expect(try SchemaSyntax.optimizer(text) == optimizer)
        // What is printed can be given back.
        #expect(try SchemaSyntax.optimizer(SchemaSyntax.text(optimizer)) == optimizer)
    }

    @Test(arguments: [
        ("zeros", .zeros), ("constant:-0.5", .constant(-0.5)),
        ("uniform:-0.01,0.01", .uniform(low: -0.01, high: 0.01)),
        ("normal:0,1e-3", .normal(mean: 0, standardDeviation: 0.001)),
    ] as [(String, Initializer)])
    func initializersAreRead(text: String, initializer: Initializer) throws {
        #expect(try SchemaSyntax.initializer(text) == initializer)
        #expect(try SchemaSyntax.initializer(SchemaSyntax.text(initializer)) == initializer)
    }

    @Test(arguments: [
        ("full", .full, 1), ("hashed:rows=10", .hashed(rows: 10), 1),
        ("double-hashed:rows=10", .doubleHashed(rows: 10, combine: .sum), 1),
        (
            "double-hashed:combine=concatenate,rows=10",
            .doubleHashed(rows: 10, combine: .concatenate), 1
        ),
        (
            "frequency-double-hashed:own=5,shared=6,admit-after=7",
            .frequencyDoubleHashed(own: 5, shared: 6), 7
        ),
        (
            "frequency-double-hashed:own=5,shared=6,admit-after=7,score=gradient-norm",
            .frequencyDoubleHashed(own: 5, shared: 6, score: .gradientNorm), 7
        ),
        ("frequency-filtered:admit-after=3", .frequencyFiltered(), 3),
        (
            "frequency-filtered:admit-after=3,counters=4096", .frequencyFiltered(counters: 4096), 3
        ),
        (
            "quotient-remainder:rows=18,combine=multiply",
            .quotientRemainder(rows: 18, combine: .multiply), 1
        ),
        (
            "quotient-remainder:rows=18446744073709551615,combine=sum",
            .quotientRemainder(rows: .max, combine: .sum), 1
        ),
        ("deep-hash:hashes=1024,hidden=64", .deepHash(hashes: 1024, hidden: 64), 1),
    ] as [(String, Scheme, UInt32)])
    func schemesAreRead(text: String, scheme: Scheme, admissionCount: UInt32) throws {
        let read = try SchemaSyntax.scheme(text)
        #expect(read.scheme == scheme)
        #expect(read.admissionCount == admissionCount)
        let again = try SchemaSyntax.scheme(
            SchemaSyntax.text(scheme, admissionCount: admissionCount))
        #expect(again.scheme == scheme)
        #expect(again.admissionCount == admissionCount)
    }

    @Test(arguments: [
        "", "adagrat", "adagrad:lr", "adagrad:lr=", "adagrad:lr=x", "adagrad:rate=1",
        "adagrad:lr=1,lr=2", "adagrad:lr=nan", "adagrad:lr=inf", "adagrad:lr=1,", ":lr=1",
    ]) func badOptimizersAreRefused(text: String) {
        #expect(throws: SchemaSyntax.Malformed.self) { try SchemaSyntax.optimizer(text) }
    }

    @Test(arguments: [
        "", "uniform", "uniform:1", "uniform:1,2,3", "uniform:a,b", "zeros:1", "constant",
        "normal:0,inf", "uniform:1,,2",
    ]) func badInitializersAreRefused(text: String) {
        #expect(throws: SchemaSyntax.Malformed.self) { try SchemaSyntax.initializer(text) }
    }

    @Test(arguments: [
        "", "full:rows=1", "hashed", "hashed:rows=0", "hashed:rows=-1", "hashed:rows=1.5",
        "double-hashed:rows=1,combine=mean", "frequency-filtered",
        "frequency-filtered:admit-after=4294967296", "deep-hash:hashes=1",
    ]) func badSchemesAreRefused(text: String) {
        #expect(throws: SchemaSyntax.Malformed.self) { try SchemaSyntax.scheme(text) }
    }
}
