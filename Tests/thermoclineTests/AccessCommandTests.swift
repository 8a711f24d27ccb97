import Foundation
import Testing

@testable import thermocline

/// Tokens, TLS and permissions, by what the users of the command see.
@Suite(.serialized) struct AccessCommandTests {
    private static let secret = "open sesame"

    private func fixture(_ name: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../Fixtures/tls/\(name)").standardizedFileURL.path
    }

    private var certificate: [String] {
        ["--tls-certificate", fixture("server.pem"), "--tls-key", fixture("server.key")]
    }

    /// Writes a token; the path of its file.
    private func write(_ token: String, in folder: URL, mode: mode_t = 0o600) throws -> String {
        let file = folder.appending(path: "token-\(UInt32.random(in: 0...UInt32.max))")
        try Data((token + "\n").utf8).write(to: file)
        chmod(file.path, mode)
        return file.path
    }

    private func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = try CommandLineRun.makeFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }

    private func withServer(
        _ arguments: [String], folder: URL, _ body: (ServerRun) async throws -> Void
    ) async throws {
        let server = try await ServerRun(arguments, folder: folder)
        do { try await body(server) } catch {
            try await server.stop()
            throw error
        }
        try await server.stop()
    }

    @Test func tokensComeFromFiles() async throws {
        try await withFolder { folder in
            let token = try write(Self.secret, in: folder)
            let readToken = try write("one may look", in: folder)
            let wrong = try write("open sesamf", in: folder)
            let options = [
                "--token-file", token, "--read-token-file", readToken, "--log-level", "trace",
            ]
            try await withServer(options, folder: folder) { server in
                func status(_ arguments: String..., tokenFile: String?) async throws -> Int32 {
                    let run = try await CommandLineRun(
                        arguments, server: server.address, tokenFile: tokenFile)
                    for secret in [Self.secret, "one may look", "open sesamf"] {
                        #expect(!(run.output + run.messages).contains(secret))
                    }
                    return run.status
                }
                #expect(try await status("table", "list", tokenFile: nil) == 78)
                #expect(try await status("table", "list", tokenFile: wrong) == 78)
                #expect(try await status("table", "list", tokenFile: "/no/such/file") == 78)
                #expect(try await status("table", "create", "t", tokenFile: readToken) == 78)
                #expect(try await status("table", "create", "t", tokenFile: token) == 0)
                #expect(try await status("table", "show", "t", tokenFile: readToken) == 0)
                #expect(try await status("stats", tokenFile: readToken) == 0)
                #expect(
                    try await status("checkpoint", folder.path + "/copy", tokenFile: readToken)
                        == 78)
                #expect(try await status("table", "drop", "t", tokenFile: readToken) == 78)
                // The option has the last word.
                #expect(
                    try await status("table", "list", "--token-file", token, tokenFile: wrong)
                        == 0)
                let bench = [
                    "bench", "--requests", "2", "--warmup", "0", "--table", "t", "--connections",
                    "2",
                ]
                for (file, expected) in [(token, 0), (readToken, 78), (nil, 78)]
                    as [(String?, Int32)]
                {
                    let run = try await CommandLineRun(
                        bench, server: server.address, tokenFile: file)
                    #expect(run.status == expected, "\(run.messages)")
                }
            }
            let log = try String(contentsOf: folder.appending(path: "messages"), encoding: .utf8)
            #expect(log.contains("unauthorized") && log.contains("file mode 0600, token"))
            for secret in [Self.secret, "one may look", "open sesamf"] {
                #expect(!log.contains(secret))
            }
        }
    }

    @Test func tlsIsSpokenWhereTheAddressSaysSo() async throws {
        try await withFolder { folder in
            let options =
                ["--listen", "tls:127.0.0.1:0", "--tls-client-ca", fixture("root.pem")]
                + certificate
            try await withServer(options, folder: folder) { server in
                let address = try #require(try server.addresses.last)
                let identity = [
                    "--tls-certificate", fixture("client.pem"), "--tls-key", fixture("client.key"),
                ]
                let root = ["--tls-ca", fixture("root.pem")]
                func run(_ arguments: [String]) async throws -> CommandLineRun {
                    try await CommandLineRun(["table", "list"] + arguments, server: address)
                }
                var result = try await run(root + identity)
                #expect(result.status == 0, "\(result.messages)")
                result = try await run(root)
                #expect(result.status == 78)
                #expect(result.messages.contains("client certificate"), "\(result.messages)")
                result = try await run(identity)
                #expect(result.status == 78)
                #expect(result.messages.contains("trusted root"), "\(result.messages)")
                #expect(try await run(["--tls-ca", "/no/such/file"]).status == 78)
                // TLS that is asked for is not left out.
                result = try await CommandLineRun(
                    ["table", "list"] + root, server: server.address)
                #expect(result.status == 64)
            }
        }
    }

    @Test func whatWouldLetAnybodyInIsRefused() async throws {
        try await withFolder { folder in
            let data = folder.appending(path: "data").path
            func refused(_ arguments: [String]) async throws -> String {
                let run = try await CommandLineRun(["serve", "--data", data] + arguments)
                #expect(run.status == 78, "\(arguments)")
                #expect(!FileManager.default.fileExists(atPath: data))
                return run.messages
            }
            var said = try await refused(["--listen", "tcp:0.0.0.0:0"])
            for way in ["--token-file", "--tls-certificate", "--insecure"] {
                #expect(said.contains(way))
            }
            let open = try write(Self.secret, in: folder, mode: 0o640)
            said = try await refused(["--token-file", open])
            #expect(said.contains("chmod 600 \(open)") && !said.contains(Self.secret))
            let empty = try write("", in: folder)
            #expect(try await refused(["--read-token-file", empty]).contains("empty"))
            let long = try write(String(repeating: "x", count: 1025), in: folder)
            #expect(try await refused(["--token-file", long]).contains("1024"))
            let token = try write(Self.secret, in: folder)
            _ = try await refused(["--token-file", token, "--read-token-file", token])
            _ = try await refused(["--listen", "tls:127.0.0.1:0"])
            _ = try await refused(certificate)
            said = try await refused(
                ["--listen", "tls:127.0.0.1:0", "--tls-certificate", fixture("server.pem")])
            #expect(said.contains("server.pem"))
        }
    }

    @Test func theModeOfTheSocketIsWhatIsAskedFor() async throws {
        try await withFolder { folder in
            for (arguments, mode) in [([], 0o600), (["--socket-mode", "0666"], 0o666)]
                as [([String], mode_t)]
            {
                try await withServer(arguments, folder: folder) { server in
                    var status = stat()
                    #expect(stat(folder.appending(path: "s").path, &status) == 0)
                    #expect(status.st_mode & 0o777 == mode)
                }
            }
        }
    }

    @Test(arguments: [("600", 0o600), ("0660", 0o660), ("0", 0)] as [(String, UInt32)])
    func modesAreOctal(text: String, bits: UInt32) {
        #expect(FileMode(argument: text)?.bits == bits)
    }

    @Test(arguments: ["", "8", "1000", "0o600", "-1", "rw"])
    func otherModesAreNone(text: String) {
        #expect(FileMode(argument: text) == nil)
    }
}
