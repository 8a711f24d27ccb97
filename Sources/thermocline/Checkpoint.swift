internal import ArgumentParser
internal import EmbeddingClient
internal import EmbeddingWire
internal import Foundation

/// `thermocline checkpoint`.
struct Checkpoint: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Writes a consistent copy of the whole store, which can be opened as a store.")

    @OptionGroup var server: ServerChoice

    @Argument(
        help: ArgumentHelp(
            "A path on the server's machine, which must not exist.",
            discussion: """
                With a server on a Unix socket it may be relative to the current folder; over TCP \
                it is absolute.
                """))
    var destination: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let path = try Self.absolute(destination, server: server.address())
        let copy = try await server.withClient { client in
            let started = ContinuousClock.now
            let progress = Task {
                // Short work shows nothing.
                try await Task.sleep(for: .seconds(2))
                while true {
                    let seconds = (ContinuousClock.now - started).components.seconds
                    StandardError.showProgress("checkpoint to \(path): \(seconds) s")
                    try await Task.sleep(for: .seconds(1))
                }
            }
            defer {
                progress.cancel()
                StandardError.clearProgress()
            }
            return try await client.checkpoint(to: path)
        }
        print(json ? copy : try Self.text(copy))
    }

    static func absolute(_ path: String, server: ServerAddress) throws -> String {
        if path.hasPrefix("/") { return path }
        guard case .unix = server, !path.isEmpty else {
            throw Failure(
                .usage,
                "\(path.debugDescription) is not absolute; over TCP the path is on the server's "
                    + "machine")
        }
        return URL(filePath: path).standardizedFileURL.path
    }

    /// What the server says about the copy.
    private struct Summary: Decodable {
        var path: String
        var rows: UInt64
        var bytes: UInt64
        var seconds: Double
    }

    static func text(_ json: String) throws -> String {
        let copy = try ServerJSON.decode(Summary.self, from: json)
        let seconds = copy.seconds.formatted(.number.precision(.fractionLength(0...2)))
        return "\(copy.path): \(Units.count(copy.rows)) rows, \(Units.bytes(copy.bytes)), "
            + "\(seconds) s"
    }
}
