internal import ArgumentParser
internal import EmbeddingClient
internal import EmbeddingWire

/// `thermocline table list`.
struct TableList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the tables of a server.")

    @OptionGroup var server: ServerChoice

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let tables = try await server.withClient { client in
            var tables: [TableDescription] = []
            for listing in try await client.tables() {
                let table = EmbeddingTable(client: client, listing)
                tables.append(
                    TableDescription(listing.name, listing.schema, rows: try await table.count()))
            }
            return tables
        }
        print(json ? try JSONText.of(tables) : Self.text(tables))
    }

    static func text(_ tables: [TableDescription]) -> String {
        var text = TextTable(
            header: ["NAME", "ROWS", "DIM", "HOT", "COLD", "OPTIMIZER", "SCHEME"],
            numbers: [1, 2])
        for table in tables {
            text.add(
                table.name, table.rows.map { Units.count($0) } ?? "", "\(table.dimension)",
                table.hot, table.cold, table.optimizer, table.scheme)
        }
        return text.text
    }
}
