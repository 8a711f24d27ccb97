internal import ArgumentParser
internal import EmbeddingClient

/// `thermocline table drop`.
struct TableDrop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drop", abstract: "Removes a table and all of its rows, for good.")

    @OptionGroup var server: ServerChoice

    @Argument(help: "The table's name.")
    var name: String

    func run() async throws {
        try await server.withClient { client in
            try await client.table(named: name).drop()
        }
    }
}
