import EmbeddingStore
import Foundation
import RowFiles
import Testing

/// `import`, `export` and `id`, without a server and with one.
@Suite(.serialized) struct RowExchangeTests {
    private static let ids: [UInt64] = [7, 0, .max, 42]
    private static let values: [Float] = [1, 2, 3, 4, -5, 6, 0.5, -0.25]

    private func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = try CommandLineRun.makeFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }

    private func write(
        _ file: URL, _ format: RowFileFormat = .safetensors, _ ids: [UInt64] = Self.ids,
        _ values: [Float] = Self.values, dimension: Int = 2
    ) throws {
        let writer = try format.writer(
            path: file.path, rowCount: ids.count, dimension: dimension)
        try writer.write(RowBatch(ids: ids, values: values))
        try writer.finish()
    }

    private func read(_ file: URL, _ format: RowFileFormat = .safetensors) throws -> RowBatch {
        let reader = try format.reader(path: file.path, ids: .numbers)
        var batch = RowBatch()
        _ = try reader.next(into: &batch, limit: 1000)
        return batch
    }

    /// Everything in a folder but what a reader may touch.
    private func content(_ folder: URL) throws -> [String: Data] {
        var content: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder.path) {
            content[name] = try? Data(contentsOf: folder.appending(path: name))
        }
        return content
    }

    @Test(arguments: RowFileFormat.allCases)
    func thereAndBack(_ format: RowFileFormat) async throws {
        try await withFolder { folder in
            let data = folder.appending(path: "data").path
            let input = folder.appending(path: "in.\(format)")
            let output = folder.appending(path: "out.\(format)")
            try write(input, format)
            let kind = ["--format", format.rawValue]
            var run = try await CommandLineRun(
                ["import", input.path, "--data", data, "--table", "item", "--numeric-ids"]
                    + kind + ["--cold", "float32"])
            #expect(run.status == 0, "\(run.messages)")
            run = try await CommandLineRun(
                ["export", "--data", data, "--table", "item", "-o", output.path] + kind
                    + ["--json"])
            #expect(run.status == 0, "\(run.messages)")
            #expect(try run.json()["rows"] as? Int == 4)
            let rows = try read(output, format)
            #expect(rows.ids == [0, 7, 42, .max])
            #expect(rows.values == [3, 4, 1, 2, 0.5, -0.25, -5, 6])
            run = try await CommandLineRun(
                ["export", "--data", data, "--table", "item", "-o", output.path] + kind)
            #expect(run.status == 73)
        }
    }

    @Test func rowsReplaceThoseOfTheirIDs() async throws {
        try await withFolder { folder in
            let data = folder.appending(path: "data")
            let file = folder.appending(path: "a.safetensors")
            try write(file)
            let arguments = ["--data", data.path, "--table", "item", "--cold", "float32"]
            #expect(try await CommandLineRun(["import", file.path] + arguments).status == 0)
            // What else lies in the folder stays.
            let note = data.appending(path: "note")
            try Data("mine".utf8).write(to: note)
            let second = folder.appending(path: "b.csv")
            try Data("id,v0,v1\n42,9,9\n43,8,8\n42,7,7\n".utf8).write(to: second)
            let run = try await CommandLineRun(["import", second.path] + arguments)
            #expect(run.status == 0, "\(run.messages)")
            let output = folder.appending(path: "out.safetensors")
            let export = try await CommandLineRun(
                ["export", "--data", data.path, "--table", "item", "-o", output.path])
            #expect(export.status == 0, "\(export.messages)")
            let rows = try read(output)
            #expect(rows.ids == [0, 7, 42, 43, .max])
            #expect(rows.values == [3, 4, 1, 2, 7, 7, 8, 8, -5, 6])
            #expect(try Data(contentsOf: note) == Data("mine".utf8))
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            #expect(names.sorted() == ["a.safetensors", "b.csv", "data", "out.safetensors"])
            let verify = try await CommandLineRun(["verify", "--data", data.path])
            #expect(verify.status == 0, "\(verify.output)")
        }
    }

    @Test func badFilesChangeNothing() async throws {
        try await withFolder { folder in
            let data = folder.appending(path: "data")
            let file = folder.appending(path: "a.safetensors")
            try write(file)
            let arguments = ["--data", data.path, "--table", "item"]
            let bad: [(String, String, String)] = [
                ("nan.csv", "1,1,2\n2,nan,2\n", "line 2"),
                ("far.csv", "1,1,2\n18446744073709551616,1,2\n", "line 2"),
                ("short.vec", "3 2\na 1 2\n", "line 2"),
                ("twice.csv", "id,v0,v1\n1,1,1\nid,v0,v1\n", "line 3"),
            ]
            // Of a table that is not there nothing is made.
            for (name, text, place) in bad {
                let input = folder.appending(path: name)
                try Data(text.utf8).write(to: input)
                let run = try await CommandLineRun(["import", input.path] + arguments)
                #expect(run.status == 65, "\(name): \(run.messages)")
                #expect(run.messages.contains("\(name), \(place)"), "\(run.messages)")
                #expect(!FileManager.default.fileExists(atPath: data.path))
            }
            #expect(try await CommandLineRun(["import", file.path] + arguments).status == 0)
            let before = try content(data)
            for (name, _, _) in bad {
                let run = try await CommandLineRun(
                    ["import", folder.appending(path: name).path] + arguments)
                #expect(run.status == 65)
                #expect(try content(data) == before, "\(name)")
            }
            let cut = folder.appending(path: "cut.safetensors")
            try Data(contentsOf: file).dropLast(3).write(to: cut)
            var run = try await CommandLineRun(["import", cut.path] + arguments)
            #expect(run.status == 65, "\(run.messages)")
            let other = folder.appending(path: "other.safetensors")
            try write(other, .safetensors, [1], [1, 2, 3], dimension: 3)
            run = try await CommandLineRun(["import", other.path] + arguments)
            #expect(run.status == 65 && run.messages.contains("dimension 3"), "\(run.messages)")
            run = try await CommandLineRun(
                ["import", other.path, "--dim", "4", "--data", data.path, "--table", "new"])
            #expect(run.status == 65, "\(run.messages)")
            #expect(try content(data) == before)
            run = try await CommandLineRun(["import", "/nowhere.csv"] + arguments)
            #expect(run.status == 74, "\(run.messages)")
            run = try await CommandLineRun(["import", data.path] + arguments)
            #expect(run.status == 64, "\(run.messages)")
            run = try await CommandLineRun(
                ["export", "--data", data.path, "--table", "none", "-o", "\(folder.path)/x.csv"])
            #expect(run.status == 65, "\(run.messages)")
            #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/x.csv"))
        }
    }

    @Test func aServerTakesRowsAndKeepsItsFolder() async throws {
        let server = try await ServerRun()
        let folder = server.folder
        let file = folder.appending(path: "a.safetensors")
        try write(file)
        var run = try await CommandLineRun(
            ["import", file.path, "--table", "item", "--cold", "float32"],
            server: server.address)
        #expect(run.status == 0, "\(run.messages)")
        run = try await CommandLineRun(["table", "list", "--json"], server: server.address)
        #expect(run.output.contains("\"item\""), "\(run.output)")
        let nan = folder.appending(path: "nan.csv")
        try Data("7,9,9\n1,nan,1\n".utf8).write(to: nan)
        run = try await CommandLineRun(
            ["import", nan.path, "--table", "item"], server: server.address)
        #expect(run.status == 65)
        let data = folder.appending(path: "data").path
        for arguments in [
            ["import", file.path, "--data", data, "--table", "item"],
            ["export", "--data", data, "--table", "item", "-o", "\(folder.path)/x.csv"],
            ["compact", "--data", data, "--packed", "\(folder.path)/p"],
        ] {
            run = try await CommandLineRun(arguments)
            #expect(run.status == 78, "\(run.messages)")
            #expect(run.messages.contains("in use"), "\(run.messages)")
        }
        try await server.stop()
        let output = folder.appending(path: "out.safetensors")
        run = try await CommandLineRun(
            ["export", "--data", data, "--table", "item", "-o", output.path])
        #expect(run.status == 0, "\(run.messages)")
        // Nothing of the file with a bad row.
        #expect(try read(output).values == [3, 4, 1, 2, 0.5, -0.25, -5, 6])
        try FileManager.default.removeItem(at: folder)
    }

    // MARK: where ids share rows

    /// A file with an id on each line.
    private func write(ids: [UInt64], to file: URL) throws {
        try Data(ids.map { "\($0)\n" }.joined().utf8).write(to: file)
    }

    /// Those of a file, sorted by id.
    private func pairs(_ file: URL) throws -> [UInt64: [Float]] {
        let rows = try read(file)
        let dimension = rows.values.count / max(rows.ids.count, 1)
        return Dictionary(
            uniqueKeysWithValues: rows.ids.enumerated().map {
                ($1, Array(rows.values[$0 * dimension..<($0 + 1) * dimension]))
            })
    }

    /// What is imported offline is served as if a server had been told to assign it.
    @Test(arguments: [
        "hashed:rows=50", "double-hashed:rows=50,combine=sum",
        "double-hashed:rows=50,combine=concatenate", "quotient-remainder:rows=16,combine=multiply",
        "frequency-double-hashed:own=20,shared=30,admit-after=2",
        "frequency-filtered:admit-after=3",
    ]) func anImportAssignsAsAServerDoes(scheme: String) async throws {
        let server = try await ServerRun()
        let folder = server.folder
        let ids = (0..<200).map { UInt64($0) * 3 }
        let file = folder.appending(path: "a.safetensors")
        try write(file, .safetensors, ids, ids.flatMap { [Float($0), 1] })
        let table = ["--table", "t", "--scheme", scheme, "--cold", "float32", "--seed", "5"]
        var run = try await CommandLineRun(["import", file.path] + table, server: server.address)
        #expect(run.status == 0, "\(run.messages)")
        try await server.stop()
        let wanted = folder.appending(path: "ids")
        try write(ids: ids + [1], to: wanted)
        let online = folder.appending(path: "data").path
        let new = folder.appending(path: "new").path
        // Into a store that is made, and once more into one that is there.
        for _ in 0..<2 {
            run = try await CommandLineRun(["import", file.path, "--data", new] + table)
            #expect(run.status == 0, "\(run.messages)")
            var exports: [RowBatch] = []
            for data in [online, new] {
                let output = folder.appending(path: "out.safetensors")
                run = try await CommandLineRun(
                    [
                        "export", "--data", data, "--table", "t", "--ids", wanted.path, "-o",
                        output.path,
                    ])
                #expect(run.status == 0, "\(run.messages)")
                exports.append(try read(output))
                try FileManager.default.removeItem(at: output)
            }
            #expect(exports[0].ids == ids + [1])
            #expect(exports[1].ids == exports[0].ids)
            #expect(exports[1].values == exports[0].values)
            // The last that was assigned has what it was given.
            #expect(exports[1].values[398] == 597)
            let verify = try await CommandLineRun(["verify", "--data", new])
            #expect(verify.status == 0, "\(verify.output)")
        }
        try FileManager.default.removeItem(at: folder)
    }

    @Test(arguments: [
        "frequency-double-hashed:own=100,shared=30,admit-after=2",
        "frequency-filtered:admit-after=3",
    ]) func ownRowsGoThereAndBack(scheme: String) async throws {
        try await withFolder { folder in
            let data = folder.appending(path: "data").path
            let input = folder.appending(path: "a.safetensors")
            let ids: [UInt64] = [7, 0, 1 << 40, 42]
            try write(input, .safetensors, ids)
            let other = folder.appending(path: "b.csv")
            try Data("5,1,2\n6,3,4\n".utf8).write(to: other)
            // Another table of the store stays what it is.
            var run = try await CommandLineRun(
                ["import", other.path, "--data", data, "--table", "full", "--cold", "float32"])
            #expect(run.status == 0, "\(run.messages)")
            run = try await CommandLineRun(
                [
                    "import", input.path, "--data", data, "--table", "t", "--cold", "float32",
                    "--scheme", scheme,
                ])
            #expect(run.status == 0, "\(run.messages)")
            let output = folder.appending(path: "out.safetensors")
            run = try await CommandLineRun(
                ["export", "--data", data, "--table", "t", "-o", output.path, "--json"])
            #expect(run.status == 0, "\(run.messages)")
            #expect(try run.json()["rows"] as? Int == 4)
            #expect(try run.json()["idsWithoutRow"] == nil)
            let rows = try read(output)
            #expect(rows.ids == [0, 7, 42, 1 << 40])
            #expect(rows.values == [3, 4, 1, 2, 0.5, -0.25, -5, 6])
            let full = folder.appending(path: "full.safetensors")
            run = try await CommandLineRun(
                ["export", "--data", data, "--table", "full", "-o", full.path])
            #expect(try pairs(full) == [5: [1, 2], 6: [3, 4]])
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            #expect(
                names.sorted() == [
                    "a.safetensors", "b.csv", "data", "full.safetensors", "out.safetensors",
                ])
        }
    }

    /// Ids that share rows, and ids that nobody knows, are exported as they are served.
    @Test func idsThatAreNamedAreExportedAsServed() async throws {
        try await withFolder { folder in
            let data = folder.appending(path: "data").path
            let input = folder.appending(path: "a.safetensors")
            try write(input)
            let initial = ["--cold", "float32", "--initializer", "constant:0.5"]
            for (table, scheme) in [("full", "full"), ("hashed", "hashed:rows=1")] {
                let run = try await CommandLineRun(
                    ["import", input.path, "--data", data, "--table", table, "--scheme", scheme]
                        + initial)
                #expect(run.status == 0, "\(run.messages)")
            }
            let ids = folder.appending(path: "ids.csv")
            // Lines as of `table admit`, in any order, with nothing between.
            try Data("42,17\n\n9 3\n18446744073709551615\r\n42\t1".utf8).write(to: ids)
            func export(_ table: String) async throws -> (CommandLineRun, RowBatch) {
                let output = folder.appending(path: "\(table).safetensors")
                let run = try await CommandLineRun(
                    [
                        "export", "--data", data, "--table", table, "--ids", ids.path, "-o",
                        output.path, "--json",
                    ])
                return (run, try read(output))
            }
            var (run, rows) = try await export("full")
            #expect(run.status == 0, "\(run.messages)")
            #expect(rows.ids == [42, 9, .max, 42])
            #expect(rows.values == [0.5, -0.25, 0.5, 0.5, -5, 6, 0.5, -0.25])
            #expect(try run.json()["idsWithoutRow"] as? Int == 1)
            (run, rows) = try await export("hashed")
            #expect(rows.values == [0.5, -0.25, 0.5, -0.25, 0.5, -0.25, 0.5, -0.25])
            #expect(try run.json()["idsWithoutRow"] as? Int == 0)
        }
    }

    /// With a message, an exit status, and nothing made.
    @Test func whatIdsShareIsRefusedClearly() async throws {
        try await withFolder { folder in
            let data = folder.appending(path: "data")
            let input = folder.appending(path: "a.safetensors")
            try write(input)
            let target = ["--data", data.path, "--table"]
            let network = ["--scheme", "deep-hash:hashes=8,hidden=4"]
            var run = try await CommandLineRun(["import", input.path] + target + ["t"] + network)
            #expect(run.status == 78, "\(run.messages)")
            #expect(run.messages.contains("train it with pushes"), "\(run.messages)")
            #expect(!FileManager.default.fileExists(atPath: data.path))
            run = try await CommandLineRun(
                ["import", input.path] + target + ["t", "--scheme", "hashed:rows=9"])
            #expect(run.status == 0, "\(run.messages)")
            let before = try content(data)
            for (name, text, status) in [
                ("nan.csv", "1,1,2\n2,nan,2\n", 65), ("wide.csv", "1,1,2,3\n", 65),
            ] {
                let file = folder.appending(path: name)
                try Data(text.utf8).write(to: file)
                run = try await CommandLineRun(["import", file.path] + target + ["t"])
                #expect(Int(run.status) == status, "\(run.messages)")
                #expect(try content(data) == before)
            }
            let output = folder.appending(path: "out.csv")
            run = try await CommandLineRun(["export"] + target + ["t", "-o", output.path])
            #expect(run.status == 64, "\(run.messages)")
            #expect(run.messages.contains("--ids FILE"), "\(run.messages)")
            let ids = folder.appending(path: "ids")
            for (text, place) in [
                ("1\nx\n", "line 2"), ("-1\n", "line 1"), ("1\n\n2.5", "line 3"),
            ] {
                try Data(text.utf8).write(to: ids)
                run = try await CommandLineRun(
                    ["export"] + target + ["t", "--ids", ids.path, "-o", output.path])
                #expect(run.status == 65, "\(run.messages)")
                #expect(run.messages.contains(place), "\(run.messages)")
            }
            run = try await CommandLineRun(
                ["export"] + target + ["t", "--ids", "/nowhere", "-o", output.path])
            #expect(run.status == 74, "\(run.messages)")
            #expect(!FileManager.default.fileExists(atPath: output.path))
            #expect(try content(data) == before)
        }
    }

    /// What has outlived its table's time to live is not exported, since it is not served.
    @Test func expiredRowsStayBehind() async throws {
        try await withFolder { folder in
            let data = folder.appending(path: "data").path
            let writer = try StoreWriter(destination: data)
            let table = try writer.createTable(
                named: "t",
                .init(dimension: 2, initializer: .zeros, coldPrecision: .float32, timeToLive: 600))
            let now = UnixClock.system.now()
            for id in 0..<10 as Range<UInt64> {
                try table.append(
                    key: id, values: [1, 2], lastUse: id % 2 == 0 ? now : now - 700)
            }
            _ = try writer.finish()
            let output = folder.appending(path: "out.safetensors")
            var run = try await CommandLineRun(
                ["export", "--data", data, "--table", "t", "-o", output.path])
            #expect(run.status == 0, "\(run.messages)")
            #expect(try read(output).ids == [0, 2, 4, 6, 8])
            let ids = folder.appending(path: "ids")
            try write(ids: [1, 2], to: ids)
            let served = folder.appending(path: "served.safetensors")
            run = try await CommandLineRun(
                ["export", "--data", data, "--table", "t", "--ids", ids.path, "-o", served.path])
            #expect(run.output.contains("1 ids without a row"), "\(run.output)\(run.messages)")
            #expect(try read(served).values == [0, 0, 1, 2])
        }
    }

    /// Killed at any moment, an import leaves the store as it was or as it shall be.
    @Test(arguments: ["full", "frequency-filtered:admit-after=2"])
    func aKilledImportIsWholeOrNotThere(scheme: String) async throws {
        try await withFolder { folder in
            let data = folder.appending(path: "data")
            let old = folder.appending(path: "old.safetensors")
            let new = folder.appending(path: "new.safetensors")
            let ids = (0..<20_000).map { UInt64($0) }
            try write(old, .safetensors, ids, ids.map { _ in 1 }, dimension: 1)
            try write(new, .safetensors, ids, ids.map { _ in 2 }, dimension: 1)
            let arguments = [
                "--data", data.path, "--table", "t", "--cold", "float32", "--scheme", scheme,
            ]
            #expect(try await CommandLineRun(["import", old.path] + arguments).status == 0)
            for milliseconds in [50, 150, 300, 600, 1000] {
                let process = try CommandLineRun.process(
                    ["import", new.path] + arguments, server: nil,
                    output: folder.appending(path: "o"), messages: folder.appending(path: "m"))
                try process.run()
                try await Task.sleep(for: .milliseconds(milliseconds))
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
                let output = folder.appending(path: "out-\(milliseconds).safetensors")
                let run = try await CommandLineRun(
                    ["export", "--data", data.path, "--table", "t", "-o", output.path])
                #expect(run.status == 0, "\(run.messages)")
                let reader = try RowFileFormat.safetensors.reader(path: output.path)
                var batch = RowBatch()
                #expect(try reader.next(into: &batch, limit: 100_000))
                #expect(batch.ids == ids)
                #expect(Set(batch.values).count == 1, "after \(milliseconds) ms")
            }
        }
    }

    @Test func idsOfStrings() async throws {
        var run = try await CommandLineRun(["id", "abc", ""])
        #expect(run.output == "4952883123889572249\n17241709254077376921\n")
        run = try await CommandLineRun(["id", "abc", "--field", "5", "--field-bits", "8"])
        #expect(run.output == "413254699500112281\n")
        run = try await CommandLineRun(["id", "abc", "--field", "256", "--field-bits", "8"])
        #expect(run.status == 64)
    }
}
