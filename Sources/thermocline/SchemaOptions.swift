internal import ArgumentParser
internal import EmbeddingWire

/// The schema of a table to be made.
struct SchemaOptions: ParsableArguments {
    @OptionGroup var rows: RowOptions

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

    var schema: TableSchema { schema(dimension: rows.dimension ?? RowOptions.dimensionDefault) }

    func schema(dimension: UInt32) -> TableSchema {
        TableSchema(
            dimension: dimension, hot: hot, cold: cold, optimizer: rows.optimizer,
            initializer: rows.initializer, scheme: scheme.scheme,
            admissionCount: scheme.admissionCount, seed: seed, state: state,
            fieldBits: fieldBits, timeToLive: timeToLive)
    }

    static func precision(
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
