/// How an id becomes rows: a pure function from an id to row keys, and the rule that combines those
/// rows.
///
/// This is the seam between ``Table``, which speaks of ids, and `RowStore`, which keeps rows by key
/// and knows nothing of schemes.
public enum Scheme: Sendable, Hashable, Codable {
    /// Every id has a row of its own; the key is the id.
    case full
}

extension Scheme {
    /// Calls `body` with the row keys of `ids`, in their order.
    @inline(__always)
    func withKeys<Result, Failure: Error>(
        of ids: Keys, _ body: (Keys) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        switch self {
        case .full: try unsafe body(ids)
        }
    }
}
