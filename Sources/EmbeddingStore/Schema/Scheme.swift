/// How an id becomes rows: which rows stand for it, and how they are combined.
///
/// An *own* row belongs to one id; a *shared* row to all ids that fall on it. What a client pulls
/// and pushes is the same with every scheme.
public enum Scheme: Sendable, Hashable, Codable {
    /// Every id has a row of its own.
    case full
    /// Ids share `rows` rows, one for each id.
    case hashed(rows: Int)
    /// Ids share `rows` rows, two for each id.
    case doubleHashed(rows: Int, combine: Combine)
    /// At most `own` ids, the most frequent, have a row of their own; the others share `shared`
    /// rows, the sum of two for each id (Zhang et al., RecSys 2020, arXiv 2007.14523).
    ///
    /// An id earns its own row after as many sightings as the schema's admission count says, and
    /// loses it when it has gone quiet or `score` puts others before it.
    case frequencyDoubleHashed(own: Int, shared: Int, score: Score)
    /// Ids have a row of their own once they have been seen as often as the schema's admission count
    /// says; until then they share one row, or one for each field.
    case frequencyFiltered(Filter)
    /// Two rows for each id, by the quotient and by the remainder of a division by `rows` (Shi et
    /// al., KDD 2020, arXiv 1909.02107); no two ids have the same two.
    case quotientRemainder(rows: Int, combine: Combine)
    /// No rows: `hashes` hashes of an id go through a network with layers of `hidden` units (DHE;
    /// Kang et al., KDD 2021, arXiv 2010.10784), whose parameters a push trains.
    case deepHash(hashes: Int, hidden: Int)

    /// How two rows become one.
    public enum Combine: UInt64, Sendable, Hashable, Codable, CaseIterable {
        case sum = 0
        /// One after the other, each of half the dimension.
        case concatenate = 1
        /// Element by element; only for ``Scheme/quotientRemainder(rows:combine:)``.
        case multiply = 2
    }

    /// Which ids deserve a row of their own more than others.
    public enum Score: UInt64, Sendable, Hashable, Codable, CaseIterable {
        case count = 0
        /// The sum of the norms of its gradients (CAFE, SIGMOD 2024, arXiv 2312.03256).
        case gradientNorm = 1
    }

    /// What counts the sightings of ids that have no row yet.
    public enum Filter: Sendable, Hashable, Codable {
        /// Exactly; 16 to 32 bytes of memory for each such id.
        case exact
        /// A counting Bloom filter of so many counters, a byte each: never too low.
        case bloom(counters: Int)
    }
}

extension Scheme {
    /// Rows that one table may share.
    public static let sharedRowsMax = 1 << 32
    /// Ids of which a table can tell how frequent they are.
    public static let ownRowsMax = 1 << 28
    /// Hashes that a network may see of an id.
    public static let hashesRange = 1...4096
    /// Units in a layer of a network; one alone would always be normalised to 0.
    public static let hiddenRange = 2...1024

    /// How the rows of an id become one; nil where there is only one.
    public var combine: Combine? {
        switch self {
        case .full, .hashed, .frequencyFiltered, .deepHash: nil
        case .frequencyDoubleHashed: .sum
        case .doubleHashed(_, let combine), .quotientRemainder(_, let combine): combine
        }
    }

    /// Whether a push of one id may change the row of another.
    public var idsShareRows: Bool { self != .full }

    /// Whether some ids have rows of their own and others have not.
    var admits: Bool {
        switch self {
        case .frequencyDoubleHashed, .frequencyFiltered: true
        case .full, .hashed, .doubleHashed, .quotientRemainder, .deepHash: false
        }
    }

    /// Why these settings cannot be used with rows of `dimension` values, or nil.
    func problem(dimension: Int) -> String? {
        func fits(_ rows: Int, from least: Int = 1) -> String? {
            (least...Self.sharedRowsMax).contains(rows)
                ? nil : "the shared rows must be \(least)…2^32, not \(rows)"
        }
        switch self {
        case .full, .frequencyFiltered(.exact):
            return nil
        case .hashed(let rows):
            return fits(rows)
        case .doubleHashed(let rows, let combine):
            if combine == .multiply { return "double hashing sums or concatenates" }
            return fits(rows) ?? halves(dimension)
        case .frequencyDoubleHashed(let own, let shared, _):
            return (1...Self.ownRowsMax).contains(own)
                ? fits(shared) : "own rows must be 1…2^28, not \(own)"
        case .frequencyFiltered(.bloom(let counters)):
            return (1024...1 << 36).contains(counters)
                ? nil : "a counting Bloom filter has 1024…2^36 counters, not \(counters)"
        case .quotientRemainder(let rows, _):
            return fits(rows, from: 2) ?? halves(dimension)
        case .deepHash(let hashes, let hidden):
            if !Self.hashesRange.contains(hashes) {
                return "a network sees 1…4096 hashes of an id, not \(hashes)"
            }
            return Self.hiddenRange.contains(hidden)
                ? nil : "a network's layers have 2…1024 units, not \(hidden)"
        }
    }

    private func halves(_ dimension: Int) -> String? {
        combine == .concatenate && dimension % 2 != 0
            ? "concatenated halves need an even dimension, not \(dimension)" : nil
    }
}
