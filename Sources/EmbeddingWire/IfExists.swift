/// What `createTable` does when there is a table of that name.
public enum IfExists: UInt8, CaseIterable, Sendable {
    /// Refuses with `tableExists`.
    case error = 0
    /// Opens the table if its schema is the same, and refuses otherwise.
    case open = 1
}
