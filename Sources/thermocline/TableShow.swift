internal import ArgumentParser
internal import EmbeddingClient
internal import EmbeddingStore

/// `thermocline table show`.
struct TableShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows one table: its schema and how many rows it has.")

    @OptionGroup var server: ServerChoice

    @Argument(help: "The table's name.")
    var name: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let table = try await server.withClient { client in
            let table = try await client.table(named: name)
            var description = TableDescription(
                name, table.schema, rows: try await table.count())
            if table.schema.fieldBits > 0 {
                description.hotFields = try ServerJSON.decode(
                    FieldFigures.self, from: try await table.stats()
                ).hotFields
            }
            return description
        }
        print(try table.text(asJSON: json))
    }

    /// Of a table's statistics, what this shows.
    private struct FieldFigures: Decodable {
        var hotFields: FieldStatistics?
    }
}
