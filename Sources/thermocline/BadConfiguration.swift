/// What a command was told to do does not go together, or is not possible here.
struct BadConfiguration: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
