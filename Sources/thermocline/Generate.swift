internal import ArgumentParser
internal import CTRLab
internal import Foundation

/// `thermocline generate`.
struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Writes a synthetic click log, and prints the best AUC that is possible on it.",
        discussion: """
            A row has an id for each field, drawn by Zipf's law, and is clicked with the \
            probability of a factorization machine with known weights. The output is CSV: the \
            column click, then one for each field; .gz at the end of its name compresses it.
            """)

    @Option(
        name: .customLong("field"),
        help: ArgumentHelp(
            "A field, its number of ids, and Zipf's exponent; may be given several times.",
            discussion:
                "Default: user:1000:1.05 item:300:1.05 site:50:1 slot:10:0.8 hour:24:0.5.",
            valueName: "name:ids:exponent"),
        transform: Self.field)
    var fields: [SyntheticLog.Field] = []

    @Option(help: ArgumentHelp("Rows; k, M, G may follow.", valueName: "n"))
    var rows = Quantity(1_000_000)

    @Option(help: ArgumentHelp("Logit of a typical click rate.", valueName: "number"))
    var bias = -1.0

    @Option(help: ArgumentHelp("Deviation of the logit.", valueName: "number"))
    var strength = 1.5

    @Option(
        help: ArgumentHelp(
            "Share of the logit's variance that is in pairs of fields.", valueName: "share"))
    var interactions = 0.1

    @Option(
        help: ArgumentHelp(
            "Share of ids that are not there at first but appear later.", valueName: "share"))
    var appearing = 0.1

    @Option(help: ArgumentHelp("Decides everything that is drawn.", valueName: "number"))
    var seed: UInt64 = 1

    @Option(name: .shortAndLong, help: ArgumentHelp("File to write.", valueName: "file"))
    var output: String

    @Option(
        help: ArgumentHelp(
            "File for the true probability of each row, a line each.", valueName: "file"))
    var probabilities: String?

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let fields =
            self.fields.isEmpty
            ? [
                SyntheticLog.Field("user", cardinality: 1000, exponent: 1.05),
                SyntheticLog.Field("item", cardinality: 300, exponent: 1.05),
                SyntheticLog.Field("site", cardinality: 50, exponent: 1),
                SyntheticLog.Field("slot", cardinality: 10, exponent: 0.8),
                SyntheticLog.Field("hour", cardinality: 24, exponent: 0.5),
            ] : self.fields
        let log = try SyntheticLog(
            SyntheticLog.Settings(
                rows: Int(clamping: rows.value), fields: fields, bias: bias, strength: strength,
                interactions: interactions, appearing: appearing, seed: seed))
        defer { StandardError.clearProgress() }
        let summary = try log.write(to: output, probabilities: probabilities) {
            StandardError.showProgress("generate: \($0 * 100 / Int(clamping: rows.value)) %")
        }
        StandardError.clearProgress()
        if json { return print(try JSONText.of(summary)) }
        var table = TextTable(numbers: [1])
        table.add("rows", "\(summary.rows)")
        table.add("clicks", "\(summary.clicks)")
        table.add("ids", "\(summary.ids)")
        table.add("best AUC", String(format: "%.5f", summary.bestAUC))
        table.add("best logloss", String(format: "%.5f", summary.bestLogloss))
        table.add("best AUC, last tenth", String(format: "%.5f", summary.bestAUCLastTenth))
        table.add("best logloss, last tenth", String(format: "%.5f", summary.bestLoglossLastTenth))
        print(table.text)
    }

    private static func field(_ text: String) throws -> SyntheticLog.Field {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let cardinality = Quantity(argument: String(parts[1])),
            let exponent = Double(parts[2])
        else {
            throw ValidationError("a field is name:ids:exponent, not \(text.debugDescription)")
        }
        return SyntheticLog.Field(
            String(parts[0]), cardinality: Int(clamping: cardinality.value), exponent: exponent)
    }
}
