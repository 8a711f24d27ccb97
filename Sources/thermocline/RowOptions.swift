internal import ArgumentParser
internal import EmbeddingWire

/// What the rows of a table are, and how they move.
struct RowOptions: ParsableArguments {
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

    static let dimensionDefault: UInt32 = 16
}
