internal import ArgumentParser
internal import CTRLab
internal import Foundation

/// `thermocline replay`.
struct Replay: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Counts how many ids of a log find their row in memory.",
        discussion: """
            Asks a store, in a temporary folder, for the ids of a click log, row after row, with \
            memory for a part of the distinct ids, and compares the hits with those of other rules \
            for what leaves memory: LRU, LFU that never forgets, S3-FIFO, W-TinyLFU, and Belady's, \
            which knows the future and is the best there can be without reading ahead. Once more the \
            store is told of the ids of coming rows of the log, and brings in what it does not have \
            before it is asked for; such reads are no misses, and shown apart.

            Without files the ids are drawn by Zipf's law, and in each phase others are popular.
            """)

    @OptionGroup(title: "Click log") var options: LogOptions

    @Argument(help: ArgumentHelp("Files of the log.", valueName: "file"))
    var files: [String] = []

    @Option(
        help: ArgumentHelp(
            "Rows that memory has room for, in percent of the distinct ids.",
            valueName: "percent,…"),
        transform: ListSyntax.list(of: "percentage above 0 and at most 100") {
            Double($0).flatMap { $0 > 0 && $0 <= 100 ? $0 : nil }
        })
    var capacities = [1.0, 5, 10]

    @Option(
        help: ArgumentHelp(
            "Without files: ids that there are, Zipf's exponent, ids drawn, and phases.",
            valueName: "ids:exponent:draws:phases"),
        transform: Self.drifting)
    var zipf = DriftingZipf(ids: 200_000, exponent: 1, draws: 2_000_000, phases: 4)

    @Option(
        help: ArgumentHelp(
            "Rows of the log ahead of which their ids are announced to the store.",
            valueName: "n"))
    var announced = CTRLab.Replay.announcedDefault

    @Option(help: ArgumentHelp("Of what is drawn.", valueName: "number"))
    var seed: UInt64 = 1

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        if announced < 1 { throw ValidationError("--announced is at least 1") }
    }

    func run() throws {
        defer { StandardError.clearProgress() }
        let replay = try CTRLab.Replay(
            stream(), shares: capacities.map { $0 / 100 }, announced: announced
        ) {
            StandardError.showProgress("replay: \($0.rawValue), \($1) rows")
        }
        StandardError.clearProgress()
        print(json ? try JSONText.of(replay) : text(replay))
    }

    private func stream() throws -> IDStream {
        if !files.isEmpty { return try IDStream(options.log(files)) }
        var zipf = zipf
        zipf.seed = seed
        return try zipf.stream()
    }

    private func text(_ replay: CTRLab.Replay) -> String {
        var table = TextTable(
            header: ["HIT RATIO"]
                + capacities.flatMap { [String(format: "%g %%", $0), "OF BELADY"] },
            numbers: Set(1...2 * capacities.count))
        for policy in CTRLab.Replay.Policy.allCases {
            let results = replay.results.filter { $0.policy == policy }
            table.add(
                [policy.rawValue]
                    + results.flatMap {
                        [
                            String(format: "%.3f", $0.hitRatio),
                            String(format: "%.3f", $0.ofBelady),
                        ]
                    })
            guard policy == .announced else { continue }
            table.add(
                ["  read ahead"]
                    + results.flatMap {
                        [String(format: "%.3f", Double($0.readAhead) / Double(replay.uses)), ""]
                    })
        }
        return "\(replay.uses) uses of \(replay.distinctIDs) ids\n" + table.text
    }

    private static func drifting(_ text: String) throws -> DriftingZipf {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, let ids = Quantity(argument: parts[0]),
            let exponent = Double(parts[1]), let draws = Quantity(argument: parts[2]),
            let phases = Int(parts[3])
        else {
            throw ValidationError(
                "ids:exponent:draws:phases are four numbers, not \(text.debugDescription)")
        }
        return DriftingZipf(
            ids: Int(clamping: ids.value), exponent: exponent, draws: Int(clamping: draws.value),
            phases: phases)
    }
}
