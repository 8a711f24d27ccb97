internal import ArgumentParser
internal import EmbeddingClient
internal import EmbeddingWire
internal import Foundation
internal import NIOCore

/// Which server a command talks to.
struct ServerChoice: ParsableArguments {
    static let variable = "THERMOCLINE_SERVER"

    @Option(
        name: .customLong("server"),
        help: ArgumentHelp(
            "The server: unix:/path/to.sock or tcp:host:port.",
            discussion: "Without it the variable \(variable) is read.", valueName: "address"))
    var server: String?

    /// The address given, or the one in the environment.
    ///
    /// - Throws: ``Failure`` of status 64 when there is none or the option's is none, 78 when the
    ///   variable's is none.
    func address(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> ServerAddress {
        do throws(ServerAddress.Malformed) {
            if let server { return try ServerAddress(parsing: server) }
        } catch {
            throw Failure(.usage, "--server: \(error)")
        }
        guard let text = environment[Self.variable], !text.isEmpty else {
            throw Failure(
                .usage,
                "which server? Give --server ADDRESS or set \(Self.variable); "
                    + "ADDRESS is unix:/path/to.sock or tcp:host:port")
        }
        do {
            return try ServerAddress(parsing: text)
        } catch {
            throw Failure(.configuration, "\(Self.variable): \(error)")
        }
    }

    /// Connects, lets `body` make its calls, and ends the connection.
    func withClient<Result>(
        _ body: (EmbeddingClient) async throws -> Result
    ) async throws -> Result {
        let client = try await EmbeddingClient.connect(to: address())
        do {
            let result = try await body(client)
            await client.close()
            return result
        } catch {
            await client.close()
            throw error
        }
    }
}
