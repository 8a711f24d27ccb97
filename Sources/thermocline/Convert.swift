internal import ArgumentParser
internal import CTRLab

/// `thermocline convert`.
struct Convert: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Writes a click log as LIBFFM.",
        discussion: """
            Each line becomes 'label field:index:value …'. Features are numbered from 0 in the \
            order in which they come; missing values are left out. An output whose name ends in \
            .gz is compressed.
            """)

    @OptionGroup(title: "Click log") var options: LogOptions

    @Argument(help: ArgumentHelp("Files of the log.", valueName: "file"))
    var files: [String]

    @Option(name: .shortAndLong, help: ArgumentHelp("File to write.", valueName: "file"))
    var output: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        defer { StandardError.clearProgress() }
        let conversion = try LibFFMConversion(try options.log(files))
        let (summary, malformed) = try conversion.write(to: output) {
            StandardError.showProgress("convert: \(Units.count(UInt64($0))) rows")
        }
        StandardError.clearProgress()
        LogOptions.warn([malformed])
        print(
            json
                ? try JSONText.of(summary)
                : "\(output): \(summary.rows) rows, \(summary.fields) fields, "
                    + "\(summary.features) features")
    }
}
