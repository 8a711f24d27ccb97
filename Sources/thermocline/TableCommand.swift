internal import ArgumentParser

/// `thermocline table`: the tables of a server.
struct TableCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "table",
        abstract: "Makes, lists, shows, fills, shrinks and drops tables.",
        subcommands: [
            TableCreate.self, TableList.self, TableShow.self, TableAdmit.self, TableShrink.self,
            TableDrop.self,
        ])
}
