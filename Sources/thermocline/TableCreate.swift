internal import ArgumentParser
internal import EmbeddingClient
internal import EmbeddingWire

/// `thermocline table create`.
struct TableCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Makes a table and prints its schema.")

    @OptionGroup var server: ServerChoice

    @Argument(
        help: "The table's name: ASCII letters, digits and _ - . /, at most 255 bytes.")
    var name: String

    @OptionGroup var schema: SchemaOptions

    @Option(
        help: """
            When there is a table of that name: error, or open it if its schema is the same.
            """)
    var ifExists: Choice = .error

    @Flag(help: "Print JSON.")
    var json = false

    enum Choice: String, ExpressibleByArgument, CaseIterable {
        case error, open
    }

    func run() async throws {
        let table = try await server.withClient { client in
            try await client.createTable(
                name, schema: schema.schema, ifExists: ifExists == .open ? .open : .error)
        }
        print(try TableDescription(table.name, table.schema, rows: nil).text(asJSON: json))
    }
}
