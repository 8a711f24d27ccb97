internal import ArgumentParser
internal import EmbeddingWire

/// The schema of a table to be made.
struct SchemaOptions: ParsableArguments {
    @Option(
        name: .customLong("dim"),
        help: ArgumentHelp("Values in a row, 1 to 4096 (default: 16).", valueName: "n"))
    var dimension: UInt32?

    @Option(
        help: ArgumentHelp(
            "What a push does with a gradient.",
            discussion: """
                sgd:lr=0.01, momentum:lr=0.01,momentum=0.9, adagrad:lr=0.01,initial=0,eps=1e-10, \
                rowwise-adagrad:lr=0.01,initial=0,eps=1e-10, \
                adam:lr=0.001,beta1=0.9,beta2=0.999,eps=1e-8 or ftrl:alpha=0.05,beta=1,l1=0,l2=0; \
                parameters left out have these values. Default: adagrad.
                """,
            valueName: "spec"),
        transform: SchemaSyntax.checked(SchemaSyntax.optimizer))
    var optimizer: Optimizer = .adagrad(learningRate: 0.01)

    @Option(
        help: ArgumentHelp(
            "What a new row starts as.",
            discussion: """
                zeros, constant:VALUE, uniform:LOW,HIGH or normal:MEAN,DEVIATION. Default: \
                uniform:-0.01,0.01.
                """,
            valueName: "spec"),
        transform: SchemaSyntax.checked(SchemaSyntax.initializer))
    var initializer: Initializer = .uniform(low: -0.01, high: 0.01)

    @Option(
        help: ArgumentHelp(
            "How rows are stored in memory: float32 (default), float16, int16 or int8.",
            valueName: "precision"),
        transform: SchemaSyntax.checked(precision))
    var hot: Precision = .float32

    @Option(
        help: ArgumentHelp(
            "How rows are stored on disk: float32, float16, int16 (default) or int8.",
            valueName: "precision"),
        transform: SchemaSyntax.checked(precision))
    var cold: Precision = .int16

    @Option(
        help: ArgumentHelp(
            "How an id becomes rows.",
            discussion: """
                full, hashed:rows=N, double-hashed:rows=N,combine=sum, \
                frequency-double-hashed:own=N,shared=N,admit-after=N, \
                frequency-filtered:admit-after=N, quotient-remainder:rows=N,combine=sum or \
                deep-hash:hashes=N,hidden=N; combine is sum, concatenate or, for \
                quotient-remainder, multiply. frequency-double-hashed may have \
                score=gradient-norm, frequency-filtered counters=N for a Bloom filter of so many \
                bytes. Default: full.
                """,
            valueName: "spec"),
        transform: SchemaSyntax.checked(SchemaSyntax.scheme))
    var scheme: (scheme: Scheme, admissionCount: UInt32) = (.full, 1)

    @Option(
        help: ArgumentHelp(
            "Decides how every row starts, together with its id.", valueName: "number"))
    var seed: UInt64 = 0

    @Option(
        help: ArgumentHelp(
            "How optimizer state is stored: float32 (default) or float16.",
            valueName: "precision"),
        transform: SchemaSyntax.checked(precision))
    var state: Precision = .float32

    @Option(
        help: ArgumentHelp(
            "Rows not used for so long are gone; 0 (default): never.", valueName: "seconds"))
    var timeToLive: UInt32 = 0

    @Option(
        help: ArgumentHelp(
            "High bits of an id that say its field, 0 (default) to 32.", valueName: "bits"))
    var fieldBits: UInt8 = 0

    var schema: TableSchema { schema(dimension: dimension ?? 16) }

    func schema(dimension: UInt32) -> TableSchema {
        TableSchema(
            dimension: dimension, hot: hot, cold: cold, optimizer: optimizer,
            initializer: initializer, scheme: scheme.scheme,
            admissionCount: scheme.admissionCount, seed: seed, state: state,
            fieldBits: fieldBits, timeToLive: timeToLive)
    }

    private static func precision(
        _ text: String
    ) throws(SchemaSyntax.Malformed) -> Precision {
        guard let precision = Precision.allCases.first(where: { "\($0)" == text }) else {
            throw SchemaSyntax.Malformed(
                description: "no precision: \(text.debugDescription); there are "
                    + Precision.allCases.map { "\($0)" }.joined(separator: ", "))
        }
        return precision
    }
}
