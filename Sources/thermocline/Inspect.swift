internal import ArgumentParser
internal import EmbeddingStore
internal import EmbeddingWire

/// Shows what is in a data directory or checkpoint that no server has open.
struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows what a data directory or checkpoint holds, without a server.",
        discussion: """
            Changes nothing, and reads every row. A folder that a server has open is refused; ask \
            the server with stats.
            """)

    @OptionGroup var source: OfflineSource

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let store = try source.open()
        var tables: [InspectReport.Table] = []
        var progress = OfflineProgress("inspect")
        for table in store.tables {
            let survey = try TableSurvey(table, in: store) {
                progress.show("table \(table.name),", $0, of: $1)
            }
            tables.append(InspectReport.Table(table, survey))
        }
        StandardError.clearProgress()
        let report = InspectReport(path: store.path, tables: tables)
        print(json ? try JSONText.of(report) : report.text)
    }
}
