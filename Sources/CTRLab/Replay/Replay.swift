/// How many uses of a stream's ids find their row in memory, by who decides what leaves it.
public struct Replay: Sendable, Hashable, Codable {
    public enum Policy: String, Sendable, Hashable, Codable, CaseIterable {
        /// What the store does.
        case store
        /// The store, told of the next pulls' ids.
        case announced = "store, announced"
        case lru = "LRU"
        case lfu = "LFU"
        case s3FIFO = "S3-FIFO"
        case wTinyLFU = "W-TinyLFU"
        case belady = "Belady"
    }

    public struct Result: Sendable, Hashable, Codable {
        public var policy: Policy
        /// Rows that memory has room for.
        public var capacity: Int
        /// The capacity as a share of the distinct ids.
        public var share: Double
        public var hits: Int
        /// Of the uses, hit or not, those whose rows were read before them because they were announced.
        public var readAhead: Int
        public var hitRatio: Double
        /// Against the best that is possible with as many rows.
        public var ofBelady: Double
    }

    public private(set) var uses: Int
    public private(set) var distinctIDs: Int
    public private(set) var results: [Result] = []

    public static let announcedDefault = 16

    /// - Parameters:
    ///   - shares: of the distinct ids, above 0 and at most 1, that memory has room for.
    ///   - announced: pulls ahead of which ids are announced, where they are.
    ///   - report: is told what comes next.
    public init(
        _ stream: IDStream, shares: [Double], policies: [Policy] = Policy.allCases,
        announced: Int = Self.announcedDefault,
        report: (Policy, _ capacity: Int) -> Void = { _, _ in }
    ) throws {
        uses = stream.ids.count
        distinctIDs = stream.distinctCount
        for share in shares {
            let capacity = Int(share * Double(distinctIDs))
            guard share <= 1, capacity >= StoreReplay.capacityMin else {
                throw CTRLabError.badSettings(
                    "\(share * 100) % of \(distinctIDs) ids are \(capacity) rows; "
                        + "at least \(StoreReplay.capacityMin) are needed, and at most all")
            }
            report(.belady, capacity)
            let best = Belady.hits(stream, capacity: capacity)
            for policy in policies {
                report(policy, capacity)
                let (hits, readAhead) =
                    policy == .belady
                    ? (best, 0) : try Self.hits(stream, policy, capacity: capacity, announced)
                results.append(
                    Result(
                        policy: policy, capacity: capacity, share: share, hits: hits,
                        readAhead: readAhead,
                        hitRatio: Double(hits) / Double(uses),
                        ofBelady: best == 0 ? 1 : Double(hits) / Double(best)))
            }
        }
    }

    private static func hits(
        _ stream: IDStream, _ policy: Policy, capacity: Int, _ announced: Int
    ) throws -> (hits: Int, readAhead: Int) {
        switch policy {
        case .store, .announced:
            let replay = try StoreReplay(
                stream, capacity: capacity, announced: policy == .announced ? announced : 0)
            guard replay.rowsMax <= capacity else {
                preconditionFailure("\(replay.rowsMax) rows where \(capacity) have room")
            }
            return (replay.hits, replay.readAhead)
        case .lru: return (LRU.hits(stream, capacity: capacity), 0)
        case .lfu: return (LFU.hits(stream, capacity: capacity), 0)
        case .s3FIFO: return (S3FIFO.hits(stream, capacity: capacity), 0)
        case .wTinyLFU: return (WTinyLFU.hits(stream, capacity: capacity), 0)
        case .belady: return (Belady.hits(stream, capacity: capacity), 0)
        }
    }
}
