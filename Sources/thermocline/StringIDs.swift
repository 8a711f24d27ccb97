internal import ArgumentParser
internal import RowFiles

/// `thermocline id`.
struct StringIDs: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "id",
        abstract: "Prints the 64-bit ids of strings, as the clients hash them.",
        discussion: """
            An id is the XXH64, seed 0, of the string's UTF-8 bytes; with --field-bits its low bits \
            below the number of the field. One id a line, in decimal.
            """)

    @Argument(help: ArgumentHelp("What to hash.", valueName: "string"))
    var strings: [String]

    @OptionGroup var field: FieldOptions

    @Flag(help: "Print JSON.")
    var json = false

    private struct Entry: Encodable {
        var string: String
        var id: UInt64
    }

    func run() throws {
        let entries = strings.map { Entry(string: $0, id: StringID.id(of: $0, in: field.field)) }
        print(
            json
                ? try JSONText.of(entries)
                : entries.map { "\($0.id)" }.joined(separator: "\n"))
    }
}

/// The field that ids of strings carry in their high bits.
struct FieldOptions: ParsableArguments {
    @Option(
        name: .customLong("field"),
        help: ArgumentHelp("The field of ids that are hashed.", valueName: "number"))
    var number: UInt32?

    @Option(
        name: .customLong("field-bits"),
        help: ArgumentHelp("High bits of an id that hold its field, 1 to 32.", valueName: "n"))
    var bits: Int?

    /// Nil when ids carry none.
    var field: StringID.Field? {
        guard let number, let bits else { return nil }
        return StringID.Field(number, bits: bits)
    }

    func validate() throws {
        guard (number == nil) == (bits == nil) else {
            throw ValidationError("--field comes with --field-bits.")
        }
        guard number == nil || field != nil else {
            throw ValidationError("--field-bits is from 1 to 32, and the field fits into them.")
        }
    }
}
