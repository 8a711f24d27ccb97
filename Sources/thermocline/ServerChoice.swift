internal import ArgumentParser
internal import EmbeddingAccess
internal import EmbeddingClient
internal import EmbeddingWire
internal import Foundation
internal import NIOCore

/// Which server a command talks to, and what it shows to it.
///
/// Secrets come from files alone: arguments and variables are in the list of processes.
struct ServerChoice: ParsableArguments {
    static let variable = "THERMOCLINE_SERVER"
    static let tokenFileVariable = "THERMOCLINE_TOKEN_FILE"
    static let caVariable = "THERMOCLINE_TLS_CA"
    static let certificateVariable = "THERMOCLINE_TLS_CERTIFICATE"
    static let keyVariable = "THERMOCLINE_TLS_KEY"

    @Option(
        name: .customLong("server"),
        help: ArgumentHelp(
            "The server: unix:/path/to.sock, tcp:host:port or tls:host:port.",
            discussion: "Without it the variable \(variable) is read.", valueName: "address"))
    var server: String?

    @Option(
        help: ArgumentHelp(
            "A file with the token that the server asks for, of mode 0600.",
            discussion: "Without it the variable \(tokenFileVariable) is read.",
            valueName: "file"))
    var tokenFile: String?

    @Option(
        help: ArgumentHelp(
            "Root certificates to trust instead of the system's.",
            discussion: "Without it the variable \(caVariable) is read.", valueName: "pem"))
    var tlsCa: String?

    @Option(
        help: ArgumentHelp(
            "The client's certificate, for servers that ask for one.",
            discussion: "Without it the variable \(certificateVariable) is read.",
            valueName: "pem"))
    var tlsCertificate: String?

    @Option(
        help: ArgumentHelp(
            "Its key, unless it is in the certificate's file.",
            discussion: "Without it the variable \(keyVariable) is read.", valueName: "pem"))
    var tlsKey: String?

    func validate() throws {
        if tlsKey != nil, tlsCertificate == nil {
            throw ValidationError("--tls-key comes with --tls-certificate")
        }
    }

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
                    + "ADDRESS is unix:/path/to.sock, tcp:host:port or tls:host:port")
        }
        do {
            return try ServerAddress(parsing: text)
        } catch {
            throw Failure(.configuration, "\(Self.variable): \(error)")
        }
    }

    /// What to show to the server at `address`, from the options or the environment.
    ///
    /// - Throws: `UnusableFile`, and ``Failure`` of status 64 for options that `address` has no use
    ///   for.
    func access(
        to address: ServerAddress,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> ClientAccess {
        func path(_ option: String?, _ variable: String) -> String? {
            option ?? environment[variable].flatMap { $0.isEmpty ? nil : $0 }
        }
        var access = ClientAccess()
        if let file = path(tokenFile, Self.tokenFileVariable) {
            access.token = try AccessToken(file: file)
        }
        if address.isTLS {
            // A key belongs to the certificate that it came with.
            let certificate = path(tlsCertificate, Self.certificateVariable)
            access.tls = try ClientTLS(
                ca: path(tlsCa, Self.caVariable), certificate: certificate,
                key: tlsCertificate == nil ? path(nil, Self.keyVariable) : tlsKey)
        } else if tlsCa != nil || tlsCertificate != nil {
            throw Failure(.usage, "\(address) is without TLS; with it an address is tls:host:port")
        }
        return access
    }

    /// Connects to the server, which is asked for so much memory for replies.
    func connect(
        group: (any EventLoopGroup)? = nil, sharedReplyBytes: Int = 0
    ) async throws -> EmbeddingClient {
        let address = try address()
        return try await EmbeddingClient.connect(
            to: address, access: access(to: address), group: group,
            sharedReplyBytes: sharedReplyBytes)
    }

    /// Connects, lets `body` make its calls, and ends the connection.
    func withClient<Result>(
        sharedReplyBytes: Int = 0, _ body: (EmbeddingClient) async throws -> Result
    ) async throws -> Result {
        let client = try await connect(sharedReplyBytes: sharedReplyBytes)
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
