/// What can go wrong in the store, by whose fault it is: the caller's, the disk's, or the state of
/// the store.
public enum StoreError: Error, Hashable, Sendable {
    /// No table of that name or number.
    case unknownTable(String)
    /// A table of that name exists, with the same or with another schema.
    case tableExists(String)
    /// The schema or the name is one that no table can have.
    case invalidSchema(String)
    /// Rows or gradients of another dimension than the table's.
    case dimensionMismatch(expected: Int, got: Int)
    /// A gradient, row or weight that is NaN or infinite.
    case nonFinite(String)
    /// Offsets of bags that are not ascending from 0 within the ids, or counts that do not match.
    case malformed(String)
    /// More rows at once than the hot tier can hold for one request.
    case tooLarge(String)
    /// A write to a store that was opened for reading.
    case readOnly
    /// The hot tier could not make room in time; trying again later makes sense.
    case overloaded(retryAfterMs: Int)
    /// The disk failed; nothing was changed.
    case storageFailed(String)
    /// The disk is full; nothing was changed. Reads go on, and writes when there is room again.
    case storageFull(String)
    /// Bytes on disk that are not what was written; they are not served.
    case damaged(String)
    /// Sound, but not available in this version.
    case unsupported(String)
    /// The store is closed.
    case closed
    /// A destination that exists or cannot be made.
    case cannotCreate(String)
    /// The data directory is used by another process.
    case inUse(String)
    /// The data directory cannot be used as it is.
    case badDataDirectory(String)
}

extension StoreError {
    /// There is no room in the hot tier now; a round of demotion takes about as long as the hint.
    static let noRoom = StoreError.overloaded(retryAfterMs: 100)

    /// The same of a table that the message should name: below it tables have numbers only.
    func inTable(_ name: String) -> StoreError {
        if case .damaged(let detail) = self { .damaged("table '\(name)': \(detail)") } else { self }
    }
}

extension StoreError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unknownTable(let name): "no table '\(name)'"
        case .tableExists(let detail): detail
        case .invalidSchema(let detail): detail
        case .dimensionMismatch(let expected, let got):
            "the table has dimension \(expected), not \(got)"
        case .nonFinite(let what): "\(what) contains NaN or infinity"
        case .malformed(let detail): detail
        case .tooLarge(let detail): detail
        case .readOnly: "the store is open for reading only"
        case .overloaded: "the hot tier has no room at the moment"
        case .storageFailed(let detail): "storage failed: \(detail)"
        case .storageFull(let detail): "the disk is full: \(detail)"
        case .damaged(let detail): "damaged: \(detail)"
        case .unsupported(let detail): detail
        case .closed: "the store is closed"
        case .cannotCreate(let detail): detail
        case .inUse(let path): "\(path) is in use by another process"
        case .badDataDirectory(let detail): detail
        }
    }
}
