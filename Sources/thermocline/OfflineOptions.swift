internal import ArgumentParser
internal import EmbeddingStore
internal import Foundation

/// The store that an offline command reads.
struct OfflineSource: ParsableArguments {
    @Option(help: ArgumentHelp("The folder of the store or checkpoint.", valueName: "DIR"))
    var data: String

    func open(copyBeside destination: String? = nil) throws -> OfflineStore {
        defer { StandardError.clearProgress() }
        return try OfflineStore(path: Self.absolute(data), copyBeside: destination) { done, all in
            StandardError.showProgress("replaying the log", bytes: done, of: all)
        }
    }

    static func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }
}

/// The table that an offline command rewrites, and where to.
struct OfflineResult: ParsableArguments {
    @Option(help: ArgumentHelp("The table's name.", valueName: "NAME"))
    var table: String

    @Option(
        help: ArgumentHelp("The folder to make; must not exist.", valueName: "DIR"))
    var output: String

    var path: String { OfflineSource.absolute(output) }
}

extension EmbeddingStore.Precision {
    /// Words it as the argument parser does for other mistakes.
    static let argument: @Sendable (String) throws -> EmbeddingStore.Precision = { text in
        guard let precision = allCases.first(where: { "\($0)" == text }) else {
            throw ValidationError(
                "no precision: \(text.debugDescription); there are "
                    + allCases.map { "\($0)" }.joined(separator: ", "))
        }
        return precision
    }
}
