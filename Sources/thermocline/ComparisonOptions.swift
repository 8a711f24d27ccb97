internal import ArgumentParser
internal import CTRLab
internal import EmbeddingStore
internal import EmbeddingWire

/// Which ways to save memory are compared.
struct ComparisonOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Ways to save memory.",
            discussion: "There are \(Contestant.allCases.map(\.rawValue).joined(separator: ", ")). "
                + "Default: all.", valueName: "name,…"),
        transform: ListSyntax.list(of: "contestant", Contestant.init(rawValue:)))
    var contestants = Contestant.allCases

    @Option(
        help: ArgumentHelp(
            "How many times smaller the rows are to be. Default: 2,10,100,1000.",
            valueName: "n,…"),
        transform: ListSyntax.list(of: "number") { Double($0) })
    var ratios: [Double] = [2, 10, 100, 1000]

    @Option(
        help: ArgumentHelp(
            "Precisions of the rows. Default: float32.", valueName: "precision,…"),
        transform: ListSyntax.list(of: "precision") { name in
            EmbeddingStore.Precision.allCases.first { "\($0)" == name }
        })
    var precisions: [EmbeddingStore.Precision] = [.float32]

    @Option(help: ArgumentHelp("Runs of each, with the seeds 1 to n.", valueName: "n"))
    var seeds = 3

    @Option(
        help: ArgumentHelp(
            "frequency-double-hashed: shares of the rows that belong to one id. Default: "
                + "0.25,0.5,0.75,0.9.", valueName: "share,…"),
        transform: ListSyntax.list(of: "number") { Double($0) })
    var ownShares: [Double] = [0.25, 0.5, 0.75, 0.9]

    @Option(
        help: ArgumentHelp(
            "Learning rates of the rows to tune the full table over; without it, --optimizer's.",
            valueName: "rate,…"),
        transform: ListSyntax.list(of: "number") { Double($0) })
    var tuneLearningRates: [Double] = []

    @Option(
        help: ArgumentHelp(
            "Regularizations to tune the full table over; without it, --embedding-l2.",
            valueName: "λ,…"),
        transform: ListSyntax.list(of: "number") { Float($0) })
    var tuneL2: [Float] = []

    var seedList: [UInt64] { (1...UInt64(max(seeds, 1))).map(\.self) }

    func validate() throws {
        if seeds < 1 { throw ValidationError("--seeds is at least 1") }
    }
}
