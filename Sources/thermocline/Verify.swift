internal import ArgumentParser
internal import EmbeddingStore
internal import Foundation

/// Reads all of a data directory or checkpoint that no server has open.
struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Reads every byte of a data directory or checkpoint and names damaged files.",
        discussion: """
            Changes nothing, and works without a server. A folder that a server has open is \
            refused; take a checkpoint and verify that. Exits with 65 when a file is damaged.
            """)

    @Option(help: ArgumentHelp("The folder of the store or checkpoint.", valueName: "DIR"))
    var data: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let path = URL(fileURLWithPath: data).standardizedFileURL.path
        let started = ContinuousClock.now
        var shown = started
        let found = try Verification(path: path) { done, total in
            let now = ContinuousClock.now
            // Short work shows nothing.
            guard now - started > .seconds(2), now - shown > .milliseconds(200) else { return }
            shown = now
            StandardError.showProgress(
                "verify: \(Units.bytes(UInt64(done))) of \(Units.bytes(UInt64(total)))")
        }
        StandardError.clearProgress()
        let report = VerifyReport(found)
        print(json ? try JSONText.of(report) : report.text)
        guard found.isSound else {
            let files = Set(found.damage.map(\.file)).count
            throw Failure(
                .badData, "\(path): \(files) \(files == 1 ? "file is" : "files are") damaged")
        }
    }
}

/// What was found, as `verify` prints it.
struct VerifyReport: Encodable {
    struct Table: Encodable {
        var name: String
        var number: UInt32
        /// Nil when damage kept them from being counted.
        var rows: Int?
        var files: Int
        var bytes: Int
    }

    struct Damage: Encodable {
        var file: String
        var table: String?
        var reason: String
    }

    var path: String
    var isSound: Bool
    var files: Int
    var bytes: Int
    var tables: [Table]
    var damage: [Damage]

    init(_ found: Verification) {
        path = found.path
        isSound = found.isSound
        files = found.files
        bytes = found.bytes
        tables = found.tables.map {
            Table(
                name: $0.name, number: $0.number, rows: $0.rows, files: $0.files, bytes: $0.bytes)
        }
        damage = found.damage.map { Damage(file: $0.file, table: $0.table, reason: $0.reason) }
    }

    var text: String {
        var table = TextTable(header: ["NAME", "ROWS", "FILES", "ON DISK"], numbers: [1, 2, 3])
        for entry in tables {
            table.add(
                entry.name, entry.rows.map { Units.count(UInt64($0)) } ?? "?", "\(entry.files)",
                Units.bytes(UInt64(entry.bytes)))
        }
        let damaged = damage.map { entry in
            let owner = entry.table.map { ", table \($0)" } ?? ""
            return "damaged: \(entry.file)\(owner): \(entry.reason)\n"
        }
        return "\(path): \(files) files, \(Units.bytes(UInt64(bytes)))\n\(damaged.joined())"
            + table.text
    }
}
