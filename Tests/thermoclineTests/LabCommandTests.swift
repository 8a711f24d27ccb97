import Foundation
import Testing

/// `generate`, `convert` and `train`, by what their users see.
@Suite(.serialized) struct LabCommandTests {
    private func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = try CommandLineRun.makeFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }

    private let small = [
        "--rows", "2000", "--field", "a:30:1.1", "--field", "b:10:0.5", "--strength", "3",
    ]
    private let quick = ["--dim", "4", "--hidden", "8", "--batch", "200", "--epochs", "2"]

    @Test func aLogIsGeneratedConvertedAndLearnt() async throws {
        try await withFolder { folder in
            let csv = folder.appending(path: "log.csv.gz").path
            var result = try await CommandLineRun(["generate", "-o", csv, "--json"] + small)
            #expect(result.status == 0, "\(result.messages)")
            let best = try #require(try result.json()["bestAUC"] as? Double)
            #expect(best > 0.7 && best < 1)

            let ffm = folder.appending(path: "log.ffm").path
            result = try await CommandLineRun(["convert", csv, "-o", ffm, "--json"])
            #expect(result.status == 0, "\(result.messages)")
            #expect(try result.json()["rows"] as? Int == 2000)
            #expect(try result.json()["fields"] as? Int == 2)

            let features = folder.appending(path: "features.json").path
            let table = ["--optimizer", "adam:lr=0.02", "--learning-rate", "0.02"] + quick
            result = try await CommandLineRun(
                ["train", csv, "--json", "--group-field", "b", "--save-features", features]
                    + table)
            #expect(result.status == 0, "\(result.messages)")
            // One line, as many runs go into one file.
            #expect(result.output.split(separator: "\n").count == 1)
            let report = try result.json()
            let bytes = try #require(report["bytes"] as? [String: Int])
            #expect(bytes["rows"]! > 0 && bytes["optimizerState"]! == 2 * bytes["rows"]!)
            #expect(bytes["index"]! > 0 && bytes["network"]! > 0)
            #expect(report["model"] as? String == "deepfm")
            #expect(report["scheme"] as? String == "full")
            #expect(report["precision"] as? String == "float32")
            #expect(report["ratio"] as? Double == 1)
            for key in ["testAUC", "validAUC", "testGroupAUC"] {
                let auc = try #require(report[key] as? Double)
                #expect(auc > 0.5 && auc < 1, "\(key) \(auc)")
            }
            for key in ["testLogloss", "samplesPerSecond", "seed", "epochs"] {
                #expect(report[key] is NSNumber, "\(key)")
            }
            #expect(result.messages.contains("epoch 1  training logloss"))

            // The saved features give the same run.
            let again = try await CommandLineRun(
                ["train", csv, "--json", "--features", features] + table)
            #expect(try again.json()["testAUC"] as? Double == report["testAUC"] as? Double)
            result = try await CommandLineRun(
                ["train", ffm, "--format", "libffm", "--model", "fm"] + table)
            #expect(result.status == 0, "\(result.messages)")
            #expect(result.output.contains("test AUC"))
        }
    }

    @Test func aServerKeepsTheTable() async throws {
        try await withFolder { folder in
            let csv = folder.appending(path: "log.csv").path
            _ = try await CommandLineRun(["generate", "-o", csv] + small)
            // Requests are cut to what the server takes at once.
            let server = try await ServerRun(["--ids-max", "16"])
            do {
                let arguments =
                    ["train", csv, "--server", server.address, "--table", "lab", "--json"] + quick
                var result = try await CommandLineRun(arguments)
                #expect(result.status == 0, "\(result.messages)")
                let bytes = try result.json()["bytes"] as? [String: Int]
                #expect(bytes?["rows"] ?? 0 > 0)
                let local = try await CommandLineRun(["train", csv, "--json"] + quick)
                #expect(
                    try local.json()["testAUC"] as? Double == result.json()["testAUC"] as? Double)
                result = try await CommandLineRun(
                    ["table", "show", "lab", "--json"], server: server.address)
                #expect(try result.json()["rows"] as? Int ?? 0 > 20)
                #expect(try await CommandLineRun(arguments).status == 73)
            } catch {
                try await server.remove()
                throw error
            }
            try await server.remove()
        }
    }

    @Test func badInputIsNamedAndChangesNothing() async throws {
        try await withFolder { folder in
            func write(_ name: String, _ text: String) throws -> String {
                let file = folder.appending(path: name)
                try Data(text.utf8).write(to: file)
                return file.path
            }
            let good = (0..<50).map { "\($0 % 2),\($0 % 5)\n" }.joined()
            let cases: [(path: String, arguments: [String], message: String)] = [
                (try write("empty", ""), [], "no rows"),
                (
                    try write("one", "click,a\n" + String(repeating: "1,x\n", count: 50)), [],
                    "both classes"
                ),
                (try write("label", "click,a\n\(good)3,x\n"), [], "label:52: the label click"),
                (
                    try write("column", "click,a\n\(good)"), ["--number-columns", "b"],
                    "no column \"b\""
                ),
                (
                    try write("number", "click,n\n\(good)1,x\n"), ["--number-columns", "n"],
                    "number:52: "
                ),
            ]
            let cut = folder.appending(path: "log.csv.gz")
            _ = try await CommandLineRun(["generate", "-o", cut.path] + small)
            try Data(contentsOf: cut).prefix(3000).write(to: cut)
            let all = cases + [(cut.path, [], "cut short")]
            let before = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
            let output = folder.appending(path: "out").path
            for (path, arguments, message) in all {
                var result = try await CommandLineRun(["train", path] + arguments + quick)
                #expect(result.status == 65, "\(path): \(result.status) \(result.messages)")
                #expect(result.messages.contains(message), "\(result.messages)")
                #expect(result.output.isEmpty)
                // Both classes are of no interest to a conversion.
                if message == "both classes" { continue }
                result = try await CommandLineRun(["convert", path, "-o", output] + arguments)
                #expect(result.status == 65, "\(path): \(result.status) \(result.messages)")
            }
            let after = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
            #expect(after == before)
        }
    }

    @Test func mistakesInTheArguments() async throws {
        try await withFolder { folder in
            let csv = folder.appending(path: "log.csv").path
            _ = try await CommandLineRun(["generate", "-o", csv] + small)
            for arguments in [
                ["train", csv, "--split", "half"], ["train", csv, "--valid", csv],
                ["train", csv, "--model", "gpt"], ["train", csv, "--dropout", "1"],
                ["train", csv, "--server", "unix:/x", "--data", "/y"],
                ["generate", "-o", csv, "--field", "a:b:c"],
                ["generate", "-o", csv, "--rows", "3"], ["convert", csv],
            ] {
                let result = try await CommandLineRun(arguments)
                #expect(result.status == 64, "\(arguments): \(result.status) \(result.messages)")
            }
            #expect(try await CommandLineRun(["train", csv + "x"] + quick).status == 74)
            #expect(
                try await CommandLineRun(["convert", csv, "-o", "/nowhere/out"]).status == 73)
        }
    }

    @Test func malformedLinesArePassedOverWhenAllowed() async throws {
        try await withFolder { folder in
            let file = folder.appending(path: "log")
            try Data("click,a\n1,x\nbad\n0,y\n".utf8).write(to: file)
            let output = folder.appending(path: "out").path
            let result = try await CommandLineRun(
                ["convert", file.path, "-o", output, "--malformed-max", "1"])
            #expect(result.status == 0)
            #expect(result.messages.contains("1 malformed lines were passed over"))
            #expect(result.messages.contains("log:3: "))
        }
    }
}
