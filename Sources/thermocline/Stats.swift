internal import ArgumentParser
internal import EmbeddingClient
internal import Foundation

/// `thermocline stats`.
struct Stats: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows what a server holds and how it is doing.")

    @OptionGroup var server: ServerChoice

    @Flag(help: "Print JSON as the server sends it, one object a line.")
    var json = false

    @Option(
        help: ArgumentHelp(
            "Ask again every so many seconds until interrupted.", valueName: "seconds"))
    var watch: Double?

    func validate() throws {
        if let watch {
            guard watch.isFinite, watch > 0 else {
                throw ValidationError("--watch takes a number of seconds above 0")
            }
        }
    }

    func run() async throws {
        try await server.withClient { client in
            var previous: StatsReport?
            while true {
                let text = try await client.stats()
                if json {
                    print(text)
                } else {
                    let report = try ServerJSON.decode(StatsReport.self, from: text)
                    Self.show(report.text(since: previous), again: watch != nil)
                    previous = report
                }
                fflush(nil)
                guard let watch else { return }
                try await Task.sleep(for: .seconds(watch))
            }
        }
    }

    /// Prints the text; on a terminal that is watched, in place of the one before.
    private static func show(_ text: String, again: Bool) {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        // To the upper left corner, erase everything below.
        if again && isTerminal { print("\u{1B}[H\u{1B}[2J", terminator: "") }
        print(text)
        if again && !isTerminal { print() }
    }
}
