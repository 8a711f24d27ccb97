internal import ArgumentParser

/// The command `thermocline`.
@main
struct Thermocline: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "thermocline",
        abstract: "An embedding store with two temperatures.",
        discussion: """
            ADDRESS is unix:/path/to.sock, tcp:host:port or tls:host:port. Commands that talk to a \
            server take it from --server, or from the variable THERMOCLINE_SERVER.

            Exit status: 0 done, 64 usage, 65 bad input data, 69 server unreachable, 70 a defect, \
            73 cannot create, 74 I/O error, 78 bad configuration.
            """,
        subcommands: [
            Serve.self, TableCommand.self, Stats.self, Checkpoint.self, Inspect.self, Verify.self,
            Quantize.self, Compact.self, Export.self, Import.self, StringIDs.self,
            Bench.self, Generate.self, Convert.self, Train.self, Tradeoff.self, Replay.self,
        ])

    /// Runs the command that the arguments name. The one place where an error becomes a message
    /// and an exit status.
    static func main() async {
        do {
            var command = try await asyncParseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            if let failure = Failure(error) { failure.exit() }
            // Help, a version, or arguments that do not parse: the parser words those.
            exit(withError: error)
        }
    }
}
