internal import ArgumentParser
internal import EmbeddingClient

/// `thermocline table shrink`.
struct TableShrink: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shrink",
        abstract: "Removes rows that are seldom used, or have not been for long, for good.",
        discussion: """
            Rows that have outlived the table's time to live go in any case. Prints how many rows \
            are gone.
            """)

    @OptionGroup var server: ServerChoice

    @Argument(help: "The table's name.")
    var name: String

    @Option(
        help: ArgumentHelp(
            "Remove rows used less often than this. Uses count half with every epoch.",
            valueName: "count"))
    var minCount: UInt32 = 0

    @Option(
        help: ArgumentHelp(
            """
            Remove rows last used more seconds ago than this; only in a table with a time to live, \
            which keeps these times.
            """, valueName: "seconds"))
    var maxAge: UInt32?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        if maxAge == 0 { throw ValidationError("--max-age is at least 1 second") }
    }

    private struct Result: Encodable {
        var name: String
        var removed: UInt64
    }

    func run() async throws {
        let removed = try await server.withClient { client in
            try await client.table(named: name).shrink(
                minFrequency: minCount, maxAge: maxAge ?? 0)
        }
        print(json ? try JSONText.of(Result(name: name, removed: removed)) : "\(removed)")
    }
}
