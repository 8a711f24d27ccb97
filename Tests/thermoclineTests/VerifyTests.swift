import Foundation
import Testing

/// `thermocline verify`, and what the other commands say of a store that it finds damaged.
@Suite(.serialized) struct VerifyTests {
    private static let tables = ["item", "user"]

    /// A store that was served and stopped, with 2000 rows in each table.
    private func withStore(
        _ body: (_ folder: URL, _ data: URL) async throws -> Void
    ) async throws {
        let server = try await ServerRun()
        defer { try? FileManager.default.removeItem(at: server.folder) }
        for table in Self.tables {
            let result = try await CommandLineRun(
                [
                    "bench", "--table", table, "--requests", "1", "--warmup", "0", "--rows", "2k",
                    "--preload", "--keep",
                ], server: server.address)
            #expect(result.status == 0, "\(result.messages)")
        }
        let data = server.folder.appending(path: "data")
        let refused = try await CommandLineRun(["verify", "--data", data.path])
        #expect(refused.status == 78, "\(refused.messages)")
        #expect(refused.messages.contains("in use"))
        try await server.stop()
        try await body(server.folder, data)
    }

    private func verify(_ data: URL, _ arguments: String...) async throws -> CommandLineRun {
        try await CommandLineRun(["verify", "--data", data.path] + arguments)
    }

    /// The files of a table, as verify counts them, largest first.
    private func rowFiles(_ data: URL) throws -> [URL] {
        let files = try FileManager.default.contentsOfDirectory(
            at: data.appending(path: "cold"), includingPropertiesForKeys: [.fileSizeKey])
        return try files.filter { $0.pathExtension == "sst" }
            .map { ($0, try $0.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0) }
            .sorted { $0.1 > $1.1 }.map(\.0)
    }

    private func flip(_ file: URL, at share: Double) throws {
        var bytes = try Data(contentsOf: file)
        bytes[Int(Double(bytes.count) * share)] ^= 1
        try bytes.write(to: file)
    }

    @Test func aSoundStoreIsSummed() async throws {
        try await withStore { _, data in
            var result = try await verify(data, "--json")
            #expect(result.status == 0, "\(result.messages)")
            #expect(result.messages.isEmpty)
            let report = try result.json()
            #expect(report["isSound"] as? Bool == true)
            let tables = try #require(report["tables"] as? [[String: Any]])
            #expect(tables.map { $0["name"] as? String } == Self.tables)
            #expect(tables.map { $0["rows"] as? Int } == [2000, 2000])
            result = try await verify(data)
            #expect(result.status == 0)
            #expect(result.output.contains("item  2.00k"), "\(result.output)")
        }
    }

    @Test func everyDamagedFileIsNamed() async throws {
        try await withStore { folder, data in
            let files = Array(try rowFiles(data).prefix(2))
            for file in files { try flip(file, at: 0.3) }
            var result = try await verify(data, "--json")
            #expect(result.status == 65)
            #expect(result.messages.contains("2 files are damaged"))
            let damage = try #require(try result.json()["damage"] as? [[String: Any]])
            #expect(
                Set(damage.map { $0["file"] as? String })
                    == Set(files.map { "cold/\($0.lastPathComponent)" }))
            #expect(Set(damage.map { $0["table"] as? String }) == Set(Self.tables))
            result = try await verify(data)
            #expect(result.output.contains("damaged: cold/"), "\(result.output)")

            // A server that meets it refuses those rows, with the names in the message.
            let server = try await ServerRun(folder: folder)
            result = try await CommandLineRun(
                [
                    "bench", "--table", "item", "--requests", "1", "--warmup", "0", "--rows", "2k",
                    "--batch", "2000", "--depth", "1", "--no-create",
                ], server: server.address)
            #expect(result.status == 74, "\(result.messages)")
            #expect(
                result.messages.contains("damaged") && result.messages.contains("'item'")
                    && files.contains { result.messages.contains($0.lastPathComponent) },
                "\(result.messages)")
            try await server.stop()
        }
    }

    @Test func aServerNamesWhatKeepsItFromOpening() async throws {
        try await withStore { folder, data in
            let file = try #require(try rowFiles(data).first)
            try FileManager.default.removeItem(at: file)
            let ended = await #expect(throws: ServerRun.Ended.self) {
                _ = try await ServerRun(folder: folder)
            }
            let messages = try #require(ended?.messages)
            #expect(messages.contains(file.lastPathComponent), "\(messages)")
            #expect(messages.contains("table '"), "\(messages)")
            #expect(try await CommandLineRun(["serve", "--data", data.path]).status == 65)
            let result = try await verify(data)
            #expect(result.status == 65)
            #expect(result.output.contains("cold/\(file.lastPathComponent)"), "\(result.output)")
        }
    }

    @Test func aFolderThatIsNoStoreIsRefused() async throws {
        let folder = try CommandLineRun.makeFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(try await verify(folder).status == 78)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
}
