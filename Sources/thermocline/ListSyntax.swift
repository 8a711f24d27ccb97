internal import ArgumentParser

/// How several values of one option are written on the command line: joined by commas.
enum ListSyntax {
    /// Lets the argument parser word a mistake in one of the values.
    static func list<Value>(
        of what: String, _ parse: @escaping @Sendable (String) -> Value?
    ) -> @Sendable (String) throws -> [Value] {
        { text in
            try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
                guard let value = parse(String(part)) else {
                    throw ValidationError("\(String(part).debugDescription) is no \(what)")
                }
                return value
            }
        }
    }
}
