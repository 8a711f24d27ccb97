internal import ArgumentParser
internal import EmbeddingClient
internal import Foundation

/// `thermocline table admit`.
struct TableAdmit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "admit",
        abstract: "Gives rows of their own to ids that are known to be frequent.",
        discussion: """
            For a table whose scheme goes by frequency. FILE has a line for each id, or an id and its \
            count, separated by a comma, a tab or a space; ids with larger counts come first. Count \
            training data only. Prints how many ids got a row.
            """)

    @OptionGroup var server: ServerChoice

    @Argument(help: "The table's name.")
    var name: String

    @Option(help: ArgumentHelp("A file of ids with their counts.", valueName: "file"))
    var counts: String

    @Option(help: ArgumentHelp("Take only so many of the ids.", valueName: "n"))
    var top: Int = .max

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        if top < 1 { throw ValidationError("--top is at least 1") }
    }

    private struct Result: Encodable {
        var name: String
        var admitted: UInt64
    }

    /// Ids in one request.
    private static let requestIDs = 4096

    func run() async throws {
        let ids = try IDCounts(path: counts).ids.prefix(top)
        let admitted = try await server.withClient { client in
            let table = try await client.table(named: name)
            var admitted: UInt64 = 0
            for start in stride(from: 0, to: ids.count, by: Self.requestIDs) {
                admitted += try await table.admit(
                    Array(ids[start..<min(start + Self.requestIDs, ids.count)]))
            }
            return admitted
        }
        print(json ? try JSONText.of(Result(name: name, admitted: admitted)) : "\(admitted)")
    }
}

/// Ids from a file of counts, those with larger counts first, else in the file's order.
struct IDCounts {
    private(set) var ids: [UInt64] = []

    /// Throws `Failure` for a file that cannot be read or a line that is not an id and a count.
    init(path: String) throws {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw Failure(.inputOutput, "cannot read \(path)")
        }
        var counted: [(id: UInt64, count: UInt64)] = []
        for (number, line) in text.split(whereSeparator: \.isNewline).enumerated() {
            let fields = line.split { $0 == "," || $0 == "\t" || $0 == " " }
            guard (1...2).contains(fields.count), let id = UInt64(fields[0]),
                let count = fields.count == 2 ? UInt64(fields[1]) : 0
            else {
                throw Failure(
                    .badData, "\(path), line \(number + 1): not an id and a count")
            }
            counted.append((id, count))
        }
        // Stable: ids with one count stay in the file's order.
        ids = counted.enumerated().sorted {
            ($1.element.count, $0.offset) < ($0.element.count, $1.offset)
        }.map(\.element.id)
    }
}
