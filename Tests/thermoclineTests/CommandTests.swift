import Foundation
import Testing

/// The commands against a real server, by what their users see: status, output, messages.
@Suite(.serialized) struct CommandTests {
    private func withServer(
        _ arguments: [String] = [], _ body: (ServerRun) async throws -> Void
    ) async throws {
        let server = try await ServerRun(arguments)
        do {
            try await body(server)
        } catch {
            try await server.remove()
            throw error
        }
        try await server.remove()
    }

    @Test func tablesComeAndGo() async throws {
        try await withServer { server in
            func run(_ arguments: String...) async throws -> CommandLineRun {
                try await CommandLineRun(["table"] + arguments, server: server.address)
            }
            let create = ["create", "item", "--dim", "8", "--seed", "18446744073709551615"]
            var result = try await CommandLineRun(
                ["table"] + create + ["--json"], server: server.address)
            #expect(result.status == 0)
            #expect(result.messages.isEmpty)
            #expect(try result.json()["seed"] as? String == "18446744073709551615")

            result = try await CommandLineRun(["table"] + create, server: server.address)
            #expect(result.status == 73)
            #expect(result.output.isEmpty)
            #expect(result.messages.hasPrefix("thermocline: tableExists"))
            result = try await CommandLineRun(
                ["table"] + create + ["--if-exists", "open"], server: server.address)
            #expect(result.status == 0)

            result = try await run("list")
            #expect(result.output.split(separator: "\n").count == 2)
            result = try await run("show", "item", "--json")
            #expect(try result.json()["dimension"] as? Int == 8)
            #expect(try result.json()["rows"] as? Int == 0)

            #expect(try await run("create", "a b").status == 65)
            #expect(try await run("create", "wide", "--dim", "5000").status == 65)
            #expect(try await run("show", "none").status == 65)
            #expect(try await run("drop", "item").status == 0)
            #expect(try await run("drop", "item").status == 65)
            #expect(try await run("list").output.split(separator: "\n").count == 1)
        }
    }

    @Test func aTableIsShownByField() async throws {
        try await withServer { server in
            func show(_ arguments: String...) async throws -> CommandLineRun {
                let result = try await CommandLineRun(
                    ["table", "show"] + arguments, server: server.address)
                #expect(result.status == 0, "\(result.messages)")
                return result
            }
            for bits in ["0", "60"] {
                let result = try await CommandLineRun(
                    ["table", "create", "t\(bits)", "--dim", "2", "--field-bits", bits],
                    server: server.address)
                #expect(result.status == (bits == "0" ? 0 : 65), "\(result.messages)")
            }
            var result = try await CommandLineRun(
                ["table", "create", "t", "--dim", "2", "--field-bits", "8"],
                server: server.address)
            #expect(result.status == 0, "\(result.messages)")
            let rows = server.folder.appending(path: "rows.csv")
            try "1,1,1\n2,1,1\n\(5 << 56 | 9 as UInt64),1,1\n"
                .write(to: rows, atomically: true, encoding: .utf8)
            result = try await CommandLineRun(
                ["import", rows.path, "--table", "t", "--numeric-ids"], server: server.address)
            #expect(result.status == 0, "\(result.messages)")
            let fields = try #require(try await show("t", "--json").json()["hotFields"])
            let listed = try #require((fields as? [String: Any])?["listed"] as? [[String: Int]])
            #expect(listed.map { $0["field"] } == [0, 5])
            #expect(listed.map { $0["rows"] } == [2, 1])
            let text = try await show("t").output
            #expect(text.contains("FIELD  ROWS"), "\(text)")
            #expect(try await show("t0", "--json").json()["hotFields"] == nil)
            // The whole server's report does not look at every row.
            result = try await CommandLineRun(["stats", "--json"], server: server.address)
            #expect(result.status == 0 && !result.output.contains("hotFields"))
        }
    }

    @Test func aLoadDoesWhatItWasAskedFor() async throws {
        try await withServer { server in
            func bench(_ arguments: String...) async throws -> CommandLineRun {
                try await CommandLineRun(
                    ["bench", "--json", "--warmup", "0"] + arguments, server: server.address)
            }
            func rows(_ table: String) async throws -> Int? {
                let result = try await CommandLineRun(
                    ["table", "show", table, "--json"], server: server.address)
                return result.status == 0 ? try result.json()["rows"] as? Int : nil
            }
            var result = try await bench(
                "--requests", "50", "--batch", "64", "--rows", "1k", "--connections", "3",
                "--dim", "4", "--preload", "--keep")
            #expect(result.status == 0, "\(result.messages)")
            var report = try result.json()
            #expect(report["dimension"] as? Int == 4)
            var total = try #require(report["total"] as? [String: Any])
            #expect(total["requests"] as? Int == 50)
            #expect(total["rows"] as? Int == 50 * 64)
            #expect(try await rows("bench") == 1000)

            // What a load does not make, it does not drop.
            result = try await bench(
                "--seconds", "0.3", "--batch", "32", "--rows", "1k", "--distribution", "zipf:1.05",
                "--mix", "pull:50,push:30,assign:20", "--format", "int16", "--no-create")
            #expect(result.status == 0, "\(result.messages)")
            report = try result.json()
            total = try #require(report["total"] as? [String: Any])
            #expect((total["requests"] as? Int ?? 0) > 0)
            let operations = try #require(report["operations"] as? [String: Any])
            #expect(operations.keys.sorted() == ["assign", "pull", "push"])
            #expect(try await rows("bench") == 1000)

            result = try await bench("--requests", "1", "--table", "other", "--rows", "10")
            #expect(result.status == 0, "\(result.messages)")
            #expect(try await rows("other") == nil)
            #expect(try await bench("--batch", "1G").status == 64)
        }
    }

    /// One request may wait for the disk, and many need it: refused ones come again until they are
    /// done.
    @Test func aLoadTriesAgainWhatWasRefused() async throws {
        try await withServer(["--memory", "1MiB", "--requests-queued-max", "1"]) { server in
            let result = try await CommandLineRun(
                [
                    "bench", "--json", "--warmup", "0", "--requests", "200", "--batch", "200",
                    "--rows", "40k", "--dim", "32", "--connections", "4",
                ],
                server: server.address)
            #expect(result.status == 0, "\(result.messages)")
            let total = try #require(try result.json()["total"] as? [String: Any])
            #expect(total["requests"] as? Int == 200)
            #expect(try #require(total["overloaded"] as? Int) > 0)
        }
    }

    @Test func limitsThatCannotBeAreUsage() async throws {
        for arguments in [
            ["--request-memory", "127MiB"], ["--requests-queued-max", "0"],
            ["--send-timeout", "0"], ["--idle-timeout=-1"], ["--handshake-timeout", "nan"],
            ["--receive-timeout", "x"],
        ] {
            let result = try await CommandLineRun(["serve", "--data", "/nowhere"] + arguments)
            #expect(result.status == 64, "\(arguments): \(result.messages)")
        }
    }

    @Test func statsAreShown() async throws {
        try await withServer { server in
            _ = try await CommandLineRun(
                ["bench", "--requests", "10", "--warmup", "0", "--rows", "100", "--keep"],
                server: server.address)
            let text = try await CommandLineRun(["stats", "--server", server.address])
            #expect(text.status == 0, "\(text.messages)")
            #expect(text.output.contains("hit ratio"))
            #expect(text.output.contains("\nbench "))
            #expect(text.output.contains("\npull "))
            let json = try await CommandLineRun(["stats", "--json"], server: server.address)
            let requests = try #require(try json.json()["requests"] as? [String: Any])
            #expect((requests["pull"] as? [String: Any])?["count"] as? Int == 10)
        }
    }

    @Test func aCheckpointOpensAsAStore() async throws {
        try await withServer { server in
            _ = try await CommandLineRun(
                [
                    "bench", "--requests", "1", "--warmup", "0", "--rows", "100", "--preload",
                    "--keep",
                ],
                server: server.address)
            let copy = server.folder.appending(path: "copy")
            try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: false)
            let destination = copy.appending(path: "data").path
            var result = try await CommandLineRun(
                ["checkpoint", destination, "--json"], server: server.address)
            #expect(result.status == 0, "\(result.messages)")
            #expect(try result.json()["rows"] as? Int == 100)
            result = try await CommandLineRun(["checkpoint", destination], server: server.address)
            #expect(result.status == 73)

            let second = try await ServerRun(folder: copy)
            result = try await CommandLineRun(
                ["table", "show", "bench", "--json"], server: second.address)
            #expect(try result.json()["rows"] as? Int == 100)
            try await second.stop()
        }
    }

    @Test func aReadOnlyServerIsNotWrittenTo() async throws {
        let server = try await ServerRun()
        _ = try await CommandLineRun(["table", "create", "bench"], server: server.address)
        try await server.stop()
        let reader = try await ServerRun(["--read-only"], folder: server.folder)
        #expect(try await CommandLineRun(["bench"], server: reader.address).status == 78)
        #expect(
            try await CommandLineRun(["table", "drop", "bench"], server: reader.address).status
                == 78)
        let result = try await CommandLineRun(
            ["bench", "--no-create", "--requests", "2", "--warmup", "0"], server: reader.address)
        #expect(result.status == 0, "\(result.messages)")
        try await reader.remove()
    }

    @Test func withoutAServerTheStatusSaysSo() async throws {
        #expect(try await CommandLineRun(["stats"]).status == 64)
        #expect(try await CommandLineRun(["stats"], server: "nonsense").status == 78)
        #expect(try await CommandLineRun(["stats", "--server", "nonsense"]).status == 64)
        let result = try await CommandLineRun(["stats"], server: "unix:/no/such.sock")
        #expect(result.status == 69)
        #expect(result.messages.contains("No such file"))
        #expect(try await CommandLineRun(["--help"]).status == 0)
    }
}
