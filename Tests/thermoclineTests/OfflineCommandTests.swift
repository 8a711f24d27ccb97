import EmbeddingStore
import Foundation
import Testing

@testable import thermocline

/// `inspect`, `quantize` and `compact`, as users run them.
@Suite(.serialized) struct OfflineCommandTests {
    /// A folder with a store in `data`: table `item` with 2000 rows of 8 values, and `user`.
    private func withStore(
        rows: (UInt64) -> [Float] = { [Float](repeating: Float($0 % 5) - 2.25, count: 8) },
        _ body: (URL) async throws -> Void
    ) async throws {
        let folder = try CommandLineRun.makeFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let writer = try StoreWriter(destination: folder.appending(path: "data").path)
        let schema = EmbeddingStore.TableSchema(
            dimension: 8,
            optimizer: .rowwiseAdagrad(learningRate: 0.1, initialAccumulator: 0, epsilon: 1e-10),
            coldPrecision: .float32)
        let item = try writer.createTable(named: "item", schema)
        for key in 0..<2000 as Range<UInt64> {
            try item.append(key: key, values: rows(key), frequency: UInt16(key % 4))
        }
        _ = try writer.createTable(named: "user", schema)
        _ = try writer.finish()
        try await body(folder)
    }

    private func run(_ command: String, _ folder: URL, _ arguments: String...) async throws
        -> CommandLineRun
    {
        try await CommandLineRun(
            [command, "--data", folder.appending(path: "data").path] + arguments)
    }

    private func names(_ folder: URL) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    @Test func inspectTellsWhatIsThere() async throws {
        try await withStore { folder in
            var result = try await run("inspect", folder, "--json")
            #expect(result.status == 0, "\(result.messages)")
            #expect(result.messages.isEmpty)
            let tables = try #require(try result.json()["tables"] as? [[String: Any]])
            #expect(tables.map { $0["name"] as? String } == ["item", "user"])
            #expect(tables.map { $0["rows"] as? Int } == [2000, 0])
            let frequencies = try #require(tables[0]["frequencies"] as? [String: Any])
            let buckets = try #require(frequencies["buckets"] as? [[String: Any]])
            #expect(buckets.map { $0["count"] as? Int } == [500, 500, 1000])
            let cold = try #require(tables[0]["cold"] as? [String: Any])
            let parts = try #require(cold["bytesPerRow"] as? [String: Double])
            #expect(parts["row"] == 32)
            #expect(parts["state"] == 4)
            #expect(parts["scale"] == 0)
            result = try await run("inspect", folder)
            #expect(result.status == 0)
            #expect(result.output.contains("item  2.00k"), "\(result.output)")
            #expect(result.output.contains("frequency: 0 to 3, mean 1.5"), "\(result.output)")
            #expect(try names(folder) == ["data"])
        }
    }

    @Test func inspectTellsFieldsApart() async throws {
        let folder = try CommandLineRun.makeFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let writer = try StoreWriter(destination: folder.appending(path: "data").path)
        let table = try writer.createTable(
            named: "t", EmbeddingStore.TableSchema(dimension: 1, fieldBits: 8))
        let keys: [UInt64] = [5, 6, 7 << 56, 7 << 56 | 1, 7 << 56 | 2]
        for key in keys {
            try table.append(key: key, values: [1], frequency: 4)
        }
        _ = try writer.finish()
        var result = try await run("inspect", folder, "--json")
        let tables = try #require(try result.json()["tables"] as? [[String: Any]])
        let fields = try #require(tables[0]["fields"] as? [String: Any])
        let listed = try #require(fields["listed"] as? [[String: Int]])
        #expect(
            listed == [
                ["field": 0, "rows": 2, "uses": 8], ["field": 7, "rows": 3, "uses": 12],
            ])
        result = try await run("inspect", folder)
        #expect(result.output.contains("FIELD  ROWS  USES"), "\(result.output)")
        #expect(result.output.contains("\n7         3    12\n"), "\(result.output)")
    }

    @Test func quantizeMakesANewStore() async throws {
        try await withStore { folder in
            let output = folder.appending(path: "small").path
            let result = try await run(
                "quantize", folder, "--table", "item", "--to", "int8", "--hot", "int16",
                "--output", output, "--json")
            #expect(result.status == 0, "\(result.messages)")
            #expect(result.messages.isEmpty)
            let report = try result.json()
            #expect(report["rows"] as? Int == 2000)
            // All values of a row are one, which lies on the grid.
            #expect(try #require(report["relativeError"] as? Double) < 1e-6)
            #expect(report["clippedShare"] as? Double == 0)
            let verified = try await CommandLineRun(["verify", "--data", output])
            #expect(verified.status == 0, "\(verified.messages)")
            let inspected = try await CommandLineRun(["inspect", "--data", output, "--json"])
            let tables = try #require(try inspected.json()["tables"] as? [[String: Any]])
            #expect(tables[0]["rowsByPrecision"] as? [String: Int] == ["int8": 2000])
            #expect(tables.count == 2)
            #expect(try names(folder) == ["data", "small"])
        }
    }

    @Test func compactDropsAndRefits() async throws {
        try await withStore { folder in
            let output = folder.appending(path: "small").path
            var result = try await run(
                "compact", folder, "--table", "item", "--min-count", "2", "--output", output)
            #expect(result.status == 0, "\(result.messages)")
            #expect(result.output.contains("2000 before, 1000 after"), "\(result.output)")
            let hashed = folder.appending(path: "hashed").path
            result = try await run(
                "compact", folder, "--table", "item", "--to",
                "double-hashed:rows=100,combine=sum", "--output", hashed, "--json")
            #expect(result.status == 0, "\(result.messages)")
            let report = try result.json()
            #expect(report["rowsAfter"] as? Int == 100)
            #expect(report["sharedRows"] as? Int == 100)
            let bands = try #require(report["bands"] as? [[String: Any]])
            #expect(bands.map { $0["ids"] as? Int } == [500, 500, 1000])
            #expect(bands.map { $0["to"] as? Int } == [0, 1, 3])
            let verified = try await CommandLineRun(["verify", "--data", hashed])
            #expect(verified.status == 0, "\(verified.messages)")
        }
    }

    /// Exactly those that are used most keep their rows, and a server goes on from there.
    @Test func compactLeavesTheFrequentTheirRows() async throws {
        try await withStore { folder in
            let home = folder.appending(path: "s")
            let output = home.appending(path: "data").path
            let result = try await run(
                "compact", folder, "--table", "item", "--to",
                "frequency-double-hashed:own=500,shared=100,admit-after=2", "--output", output)
            #expect(result.status == 0, "\(result.messages)")
            #expect(result.output.contains("500 of their own, 100 shared"), "\(result.output)")
            // By uses: ids and their error, of which own rows have none.
            #expect(result.output.contains(try Regex("\n *2–3 +1000 +0\\.[1-9]")))
            let verified = try await CommandLineRun(["verify", "--data", output])
            #expect(verified.status == 0, "\(verified.messages)")
            let csv = folder.appending(path: "own.csv")
            let exported = try await CommandLineRun(
                ["export", "--data", output, "--table", "item", "-o", csv.path])
            #expect(exported.status == 0, "\(exported.messages)")
            let lines = try String(contentsOf: csv, encoding: .utf8).split(separator: "\n")
            let expected = (0..<2000).filter { $0 % 4 == 3 }.map { id in
                "\(id)" + String(repeating: ",\(Float(id % 5) - 2.25)", count: 8)
            }
            #expect(lines.dropFirst().map(String.init) == expected)
            let server = try await ServerRun(folder: home)
            let bench = try await CommandLineRun(
                [
                    "bench", "--table", "item", "--rows", "2000", "--mix", "pull:50,push:50",
                    "--requests", "50", "--warmup", "0",
                ], server: server.address)
            #expect(bench.status == 0, "\(bench.messages)")
            try await server.stop()
        }
    }

    @Test func compactDropsWhatIsRareAndWhatIsOld() async throws {
        let folder = try CommandLineRun.makeFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let writer = try StoreWriter(destination: folder.appending(path: "data").path)
        let schema = EmbeddingStore.TableSchema(
            dimension: 8, coldPrecision: .float32, timeToLive: 1_000_000)
        let item = try writer.createTable(named: "item", schema)
        let now = UnixClock.system.now()
        // By tens: used 0 to 3 times; days, weeks and months ago.
        for key in 0..<120 as Range<UInt64> {
            try item.append(
                key: key, values: [Float](repeating: 1, count: 8), frequency: UInt16(key / 10 % 4),
                lastUse: now - [100, 500_000, 2_000_000][Int(key) / 40])
        }
        _ = try writer.finish()
        var result = try await run(
            "compact", folder, "--table", "item", "--output",
            folder.appending(path: "a").path, "--json")
        #expect(result.status == 0, "\(result.messages)")
        var report = try result.json()
        #expect(report["expiredRows"] as? Int == 40)
        #expect(report["rareRows"] as? Int == 0)
        #expect(report["rowsAfter"] as? Int == 80)
        result = try await run(
            "compact", folder, "--table", "item", "--max-age", "86400", "--min-count", "1",
            "--output", folder.appending(path: "b").path, "--json")
        report = try result.json()
        #expect(report["expiredRows"] as? Int == 80)
        #expect(report["rareRows"] as? Int == 10)
        #expect(report["rowsAfter"] as? Int == 30)
        result = try await run(
            "compact", folder, "--table", "item", "--max-age", "86400", "--min-count", "3",
            "--output", folder.appending(path: "c").path)
        #expect(result.output.contains("120 before, 10 after"), "\(result.output)")
        #expect(result.output.contains("30 rare, 80 expired"), "\(result.output)")
        let verified = try await CommandLineRun(
            ["verify", "--data", folder.appending(path: "c").path])
        #expect(verified.status == 0, "\(verified.messages)")
    }

    /// Each with a message, its exit status, and nothing made.
    @Test func badInputIsToldApart() async throws {
        try await withStore(rows: { [$0 == 9 ? .nan : 1] + [Float](repeating: 1, count: 7) }) {
            folder in
            let new = folder.appending(path: "new").path
            let old = folder.appending(path: "data").path
            let cases: [(arguments: [String], status: Int32, says: String)] = [
                (["quantize", "--table", "item", "--to", "int16", "--output", new], 65, "row 9"),
                (["compact", "--table", "item", "--output", new], 65, "row 9"),
                (
                    [
                        "compact", "--table", "item", "--to", "hashed:rows=3", "--output", new,
                    ], 65, "row 9"
                ),
                (["quantize", "--table", "x", "--to", "int16", "--output", new], 65, "table 'x'"),
                (["compact", "--table", "x", "--output", new], 65, "table 'x'"),
                (["quantize", "--table", "user", "--to", "int16", "--output", old], 73, "exists"),
                (["compact", "--table", "user", "--output", old], 73, "exists"),
                (["quantize", "--table", "item", "--to", "int4", "--output", new], 64, "int4"),
                (["compact", "--table", "item", "--to", "half", "--output", new], 64, "half"),
                (
                    [
                        "compact", "--table", "item", "--to", "hashed:rows=0", "--output", new,
                    ], 64, "at least 1"
                ),
                (
                    [
                        "compact", "--table", "item", "--to", "double-hashed:rows=1000000000",
                        "--output", new,
                    ], 78, "memory"
                ),
                (["compact", "--table", "item", "--min-count=-1", "--output", new], 64, "0…65535"),
                (["compact", "--table", "item", "--max-age", "0", "--output", new], 64, "1 sec"),
                (["compact", "--max-age", "9", "--packed", new], 64, "as they are"),
                (
                    ["compact", "--table", "user", "--max-age", "9", "--output", new], 78,
                    "no time to live"
                ),
            ]
            for test in cases {
                let result = try await CommandLineRun(
                    [test.arguments[0], "--data", old] + test.arguments.dropFirst())
                #expect(result.status == test.status, "\(test.arguments): \(result.messages)")
                #expect(
                    result.messages.contains(test.says), "\(test.arguments): \(result.messages)")
                #expect(result.output.isEmpty)
                #expect(try names(folder) == ["data"])
            }
            // A row of no numbers is told, and does not end an inspection.
            let result = try await run("inspect", folder)
            #expect(result.status == 0)
            #expect(result.output.contains("not numbers    1 rows"), "\(result.output)")
        }
    }

    @Test func aStoreThatIsServedIsRefused() async throws {
        let server = try await ServerRun()
        let data = server.folder.appending(path: "data").path
        let new = server.folder.appending(path: "new").path
        for arguments in [
            ["inspect", "--data", data],
            ["quantize", "--data", data, "--table", "t", "--to", "int8", "--output", new],
            ["compact", "--data", data, "--table", "t", "--output", new],
        ] {
            let result = try await CommandLineRun(arguments)
            #expect(result.status == 78, "\(result.messages)")
            #expect(result.messages.contains("in use"))
        }
        #expect(!FileManager.default.fileExists(atPath: new))
        try await server.remove()
    }

    /// Killed while it works, it has made nothing that a server would take for a store.
    @Test func whatIsKilledLeavesTheSourceAlone() async throws {
        try await withStore { folder in
            let source = folder.appending(path: "data")
            func files() throws -> [String: Data] {
                var files: [String: Data] = [:]
                for name in try FileManager.default.subpathsOfDirectory(atPath: source.path) {
                    let file = source.appending(path: name)
                    if file.hasDirectoryPath { continue }
                    files[name] = try? Data(contentsOf: file)
                }
                return files
            }
            let before = try files()
            let new = folder.appending(path: "new")
            let process = try CommandLineRun.process(
                [
                    "compact", "--data", source.path, "--table", "item", "--to",
                    "double-hashed:rows=1000", "--output", new.path,
                ], server: nil, output: folder.appending(path: "output"),
                messages: folder.appending(path: "messages"))
            try process.run()
            // As soon as it writes, or when it is done before it can be caught.
            while process.isRunning,
                try !names(folder).contains(where: { $0.hasPrefix("new.partial-") })
            {
                await Task.yield()
            }
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            #expect(try files() == before)
            if process.terminationReason == .uncaughtSignal {
                #expect(!FileManager.default.fileExists(atPath: new.path))
            }
            let again = try await run(
                "compact", folder, "--table", "item", "--output",
                folder.appending(path: "other").path)
            #expect(again.status == 0, "\(again.messages)")
        }
    }
}
