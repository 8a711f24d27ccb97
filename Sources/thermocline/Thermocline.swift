import ArgumentParser

@main
struct Thermocline: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "An embedding store with two temperatures.",
        subcommands: [Serve.self])
}

struct BadConfiguration: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
