internal import ArgumentParser
internal import EmbeddingStore
internal import EmbeddingWire
internal import Foundation

/// Shows what is in a data directory or checkpoint that no server has open.
struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows what a data directory or checkpoint holds, without a server.",
        discussion:
            "Reads only. A folder that a server has open is refused; ask the server with stats.")

    @Option(help: ArgumentHelp("The folder of the store or checkpoint.", valueName: "DIR"))
    var data: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let path = URL(fileURLWithPath: data).standardizedFileURL.path
        // Nothing is promoted, so the least memory will do.
        let store = try Store(
            path: path, options: .init(memoryBytes: Store.memoryBytesMin, isReadOnly: true))
        let report = InspectReport(store)
        try store.close()
        print(json ? try JSONText.of(report) : report.text)
    }
}

/// A store on disk, as `inspect` prints it.
struct InspectReport: Encodable {
    struct Table: Encodable {
        var name: String
        var number: UInt32
        var rows: Int
        var bytes: Int
        var bytesPerRow: Double
        var schema: EmbeddingStore.TableSchema
    }

    var path: String
    var tables: [Table]

    init(_ store: Store) {
        path = store.path
        tables = store.tables.map { table in
            let figures = table.statistics()
            return Table(
                name: table.name, number: table.number, rows: figures.rows,
                bytes: figures.cold.bytes,
                bytesPerRow: figures.rows == 0
                    ? 0 : Double(figures.cold.bytes) / Double(figures.rows),
                schema: table.schema)
        }
    }

    var text: String {
        var table = TextTable(
            header: ["NAME", "ROWS", "DIM", "HOT", "COLD", "ON DISK", "BYTES/ROW"],
            numbers: [1, 2, 5, 6])
        for entry in tables {
            table.add(
                entry.name, Units.count(UInt64(entry.rows)), "\(entry.schema.dimension)",
                "\(entry.schema.hotPrecision)", "\(entry.schema.coldPrecision)",
                Units.bytes(UInt64(entry.bytes)), String(format: "%.1f", entry.bytesPerRow))
        }
        return "\(path)\n\(table.text)"
    }
}
