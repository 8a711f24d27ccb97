internal import ArgumentParser
internal import CTRLab

/// How the lines of a click log are to be read.
struct LogOptions: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case criteo, avazu, libffm, libsvm, csv
    }

    @Option(help: "Format of the rows; files may be gzip.")
    var format: Format = .csv

    @Option(
        help: ArgumentHelp(
            "csv: columns that are labels, 0 or 1.", valueName: "name,…"))
    var label = "click"

    @Option(
        help: ArgumentHelp(
            "csv: columns of ids. Without it, all columns that are not named otherwise.",
            valueName: "name,…"))
    var ids: String?

    @Option(
        name: .customLong("number-columns"),
        help: ArgumentHelp("csv: columns of numbers.", valueName: "name,…"))
    var numberColumns = ""

    @Option(help: ArgumentHelp("csv: columns to leave out.", valueName: "name,…"))
    var ignore = ""

    @Option(
        help: ArgumentHelp(
            "libffm, libsvm: number of fields. Without it the files tell.", valueName: "n"))
    var fields: Int?

    @Option(
        help: ArgumentHelp(
            "Malformed lines that are passed over; one more ends the run.", valueName: "n"))
    var malformedMax = 0

    func validate() throws {
        if malformedMax < 0 { throw ValidationError("--malformed-max is at least 0") }
        if let fields, !(1...65_536).contains(fields) {
            throw ValidationError("--fields is 1 to 65536")
        }
    }

    func log(_ files: [String]) throws -> ClickLog {
        try ClickLog(files: files, format: logFormat, malformedMax: malformedMax)
    }

    private var logFormat: LogFormat {
        switch format {
        case .criteo: .criteo
        case .avazu: .avazu
        case .libffm: .libffm(fields: fields)
        case .libsvm: .libsvm(fields: fields)
        case .csv:
            .csv(
                CSVColumns(
                    labels: Self.names(label), ids: ids.map(Self.names),
                    numbers: Self.names(numberColumns), ignored: Self.names(ignore)))
        }
    }

    private static func names(_ text: String) -> [String] {
        text.split(separator: ",").map(String.init)
    }

    /// Says which lines were passed over.
    static func warn(_ malformed: [MalformedLines]) {
        let count = malformed.reduce(0) { $0 + $1.count }
        guard count > 0 else { return }
        StandardError.write("thermocline: \(count) malformed lines were passed over\n")
        for example in malformed.flatMap(\.examples) { StandardError.write("  \(example)\n") }
    }
}
