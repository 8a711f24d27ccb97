/// How an id becomes rows.
public enum Scheme: Hashable, Sendable {
    /// Every id has a row of its own.
    case full
    /// Ids share `rows` rows.
    case hashed(rows: UInt64)
    /// Ids share `rows` rows, two for each id.
    case doubleHashed(rows: UInt64, combine: Combine)
    /// Frequent ids have a row of their own, at most `own` of them; the others share `shared`
    /// rows, two for each id. The schema's admission count says when an id is frequent.
    case frequencyDoubleHashed(own: UInt64, shared: UInt64, score: Score = .count)
    /// Ids that have been seen as often as the schema's admission count says have a row of their own,
    /// the others share one, or one for each field. `counters` of a Bloom filter count, or 0: exactly.
    case frequencyFiltered(counters: UInt64 = 0)
    /// Two rows for each id: by the quotient and by the remainder of a division by `rows`.
    case quotientRemainder(rows: UInt64, combine: Combine)
    /// No rows: `hashes` hashes of the id feed a network with `hidden` hidden units.
    case deepHash(hashes: UInt64, hidden: UInt64)

    /// How two rows become one.
    public enum Combine: UInt64, CaseIterable, Sendable {
        case sum = 0
        /// One after the other, each of half the dimension.
        case concatenate = 1
        /// Element by element.
        case multiply = 2
    }

    /// Which ids deserve a row of their own more than others.
    public enum Score: UInt64, CaseIterable, Sendable {
        case count = 0
        /// The sum of the norms of their gradients.
        case gradientNorm = 1
    }

    /// The scheme's name in the protocol.
    public var name: String {
        switch self {
        case .full: "full"
        case .hashed: "hashed"
        case .doubleHashed: "doubleHashed"
        case .frequencyDoubleHashed: "frequencyDoubleHashed"
        case .frequencyFiltered: "frequencyFiltered"
        case .quotientRemainder: "quotientRemainder"
        case .deepHash: "deepHash"
        }
    }

    /// Values of the parameters, in the protocol's order.
    public var parameters: [UInt64] {
        switch self {
        case .full: []
        case .hashed(let rows): [rows]
        case .doubleHashed(let rows, let combine), .quotientRemainder(let rows, let combine):
            [rows, combine.rawValue]
        case .frequencyDoubleHashed(let own, let shared, let score): [own, shared, score.rawValue]
        case .frequencyFiltered(let counters): [counters]
        case .deepHash(let hashes, let hidden): [hashes, hidden]
        }
    }
}

extension Scheme {
    /// Slots for parameters in a schema.
    static let parametersMax = 3

    var code: UInt8 {
        switch self {
        case .full: 0
        case .hashed: 1
        case .doubleHashed: 2
        case .frequencyDoubleHashed: 3
        case .frequencyFiltered: 4
        case .quotientRemainder: 5
        case .deepHash: 6
        }
    }

    /// - Parameter slots: all ``parametersMax`` of them.
    /// - Returns: none when `code` is no scheme or one of its words is none.
    init?(code: UInt8, slots: [UInt64]) {
        switch code {
        case 0:
            self = .full
        case 1:
            self = .hashed(rows: slots[0])
        case 2:
            guard let combine = Combine(rawValue: slots[1]) else { return nil }
            self = .doubleHashed(rows: slots[0], combine: combine)
        case 3:
            guard let score = Score(rawValue: slots[2]) else { return nil }
            self = .frequencyDoubleHashed(own: slots[0], shared: slots[1], score: score)
        case 4:
            self = .frequencyFiltered(counters: slots[0])
        case 5:
            guard let combine = Combine(rawValue: slots[1]) else { return nil }
            self = .quotientRemainder(rows: slots[0], combine: combine)
        case 6:
            self = .deepHash(hashes: slots[0], hidden: slots[1])
        default:
            return nil
        }
    }
}
