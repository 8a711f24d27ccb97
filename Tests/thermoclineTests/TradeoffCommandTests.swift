import Foundation
import Testing

/// `tradeoff`, by what its users see.
@Suite(.serialized) struct TradeoffCommandTests {
    private func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = try CommandLineRun.makeFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }

    private func makeLog(_ folder: URL) async throws -> String {
        let log = folder.appending(path: "log.csv").path
        let result = try await CommandLineRun([
            "generate", "-o", log, "--rows", "1500", "--field", "a:80:0.8", "--field", "b:20:0.5",
            "--strength", "3",
        ])
        #expect(result.status == 0, "\(result.messages)")
        return log
    }

    private func arguments(_ log: String, _ output: URL) -> [String] {
        [
            "tradeoff", log, "-o", output.path, "--model", "fm", "--dim", "3", "--batch", "200",
            "--epochs", "2", "--contestants", "full,drop-rare,hashed", "--ratios", "2,4",
            "--precisions", "float32,int8", "--seeds", "2", "--optimizer", "adagrad:lr=0.1",
            "--tune-l2", "0,1e-4",
        ]
    }

    @Test func aComparisonIsTabledDrawnAndResumed() async throws {
        try await withFolder { folder in
            let log = try await makeLog(folder)
            let output = folder.appending(path: "out")
            var result = try await CommandLineRun(arguments(log, output) + ["--json"])
            #expect(result.status == 0, "\(result.messages)")
            let lines = result.output.split(separator: "\n")
            // Two to tune; two precisions and seeds of one table and of two at two ratios.
            #expect(lines.count == 2 + 4 * 5)
            for line in lines {
                let run = try #require(
                    try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
                let bytes = try #require(run["bytes"] as? [String: Int])
                #expect(bytes.keys.sorted() == ["index", "network", "optimizerState", "rows"])
                for key in [
                    "model", "scheme", "precision", "ratio", "testAUC", "testLogloss", "validAUC",
                    "epochs", "seed", "samplesPerSecond",
                ] {
                    #expect(run[key] != nil, "\(key)")
                }
            }
            let names = try FileManager.default.contentsOfDirectory(atPath: output.path).sorted()
            #expect(
                names == [
                    "runs.jsonl", "tradeoff.csv", "tradeoff.html", "tradeoff.json",
                    "tradeoff.svg",
                ])
            #expect(result.messages.contains("hashed:rows="))

            // What was finished is not made again.
            result = try await CommandLineRun(arguments(log, output))
            #expect(result.status == 0 && result.messages.isEmpty, "\(result.messages)")
            #expect(result.output.hasPrefix("CONTESTANT"))
            #expect(result.output.split(separator: "\n").count == 1 + 2 * 5)

            guard let browser = HeadlessBrowser() else { return }
            try await thePageWorks(output.appending(path: "tradeoff.html"), browser, folder)
        }
    }

    /// Opens the page in a browser, points at a point and takes a contestant away.
    private func thePageWorks(_ page: URL, _ browser: HeadlessBrowser, _ folder: URL) async throws {
        let visit = """
            <script>
            const seen = document.documentElement.dataset;
            const visible = () => [...document.querySelectorAll(".chart:not([hidden]) .series")]
              .filter(series => series.getBoundingClientRect().width > 0).length;
            const before = visible();
            document.querySelector(".chart:not([hidden]) .point").dispatchEvent(
              new PointerEvent("pointermove", {clientX: 50, clientY: 50}));
            seen.tip = document.getElementById("tip").textContent.split("\\n").length;
            document.querySelector("input[value=hashed]").click();
            seen.series = before + "," + visible();
            document.querySelector("input[value=all]").click();
            seen.measure = document.querySelector(".chart:not([hidden])").dataset.measure;
            </script></body>
            """
        let html = try String(contentsOf: page, encoding: .utf8)
        let visited = folder.appending(path: "visited.html")
        try Data(html.replacing("</body>", with: visit).utf8).write(to: visited)
        let document = try await browser.document(visited, folder: folder)
        let root = document.split(separator: "\n").first { $0.hasPrefix("<html") } ?? ""
        #expect(!root.contains("data-error"), "\(root)")
        // Two pictures of three contestants in two precisions.
        #expect(root.contains("data-curves=\"12\""), "\(root)")
        #expect(root.contains("data-tip=\"6\""), "\(root)")
        #expect(root.contains("data-series=\"6,4\""), "\(root)")
        #expect(root.contains("data-measure=\"all\""), "\(root)")
    }

    @Test func badInputLeavesNothing() async throws {
        try await withFolder { folder in
            let empty = folder.appending(path: "empty").path
            try Data().write(to: URL(filePath: empty))
            let output = folder.appending(path: "out")
            let result = try await CommandLineRun(arguments(empty, output))
            #expect(result.status == 65, "\(result.messages)")
            #expect(!FileManager.default.fileExists(atPath: output.path))

            let log = try await makeLog(folder)
            for (extra, status) in [
                (["--contestants", "magic"], Int32(64)), (["--ratios", "1"], 64),
                (["--ratios", "x"], 64), (["--seeds", "0"], 64), (["--own-shares", "2"], 64),
                (["--precisions", "int4"], 64), (["-o", "/dev/null/x"], 73),
            ] {
                let result = try await CommandLineRun(arguments(log, output) + extra)
                #expect(result.status == status, "\(extra): \(result.status) \(result.messages)")
            }
            // A journal of something else stays as it is.
            try FileManager.default.createDirectory(
                at: output, withIntermediateDirectories: true)
            let journal = output.appending(path: "runs.jsonl")
            try Data("mine\n".utf8).write(to: journal)
            #expect(try await CommandLineRun(arguments(log, output)).status == 65)
            #expect(try String(contentsOf: journal, encoding: .utf8) == "mine\n")
        }
    }
}
