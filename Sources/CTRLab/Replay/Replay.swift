/// How many uses of a stream's ids find their row in memory, by who decides what leaves it.
public struct Replay: Sendable, Hashable, Codable {
    public enum Policy: String, Sendable, Hashable, Codable, CaseIterable {
        /// What the store does.
        case store
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
        public var hitRatio: Double
        /// Against the best that is possible with as many rows.
        public var ofBelady: Double
    }

    public private(set) var uses: Int
    public private(set) var distinctIDs: Int
    public private(set) var results: [Result] = []

    /// - Parameters:
    ///   - shares: of the distinct ids, above 0 and at most 1, that memory has room for.
    ///   - report: is told what comes next.
    public init(
        _ stream: IDStream, shares: [Double], policies: [Policy] = Policy.allCases,
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
                let hits =
                    policy == .belady ? best : try Self.hits(stream, policy, capacity: capacity)
                results.append(
                    Result(
                        policy: policy, capacity: capacity, share: share, hits: hits,
                        hitRatio: Double(hits) / Double(uses),
                        ofBelady: best == 0 ? 1 : Double(hits) / Double(best)))
            }
        }
    }

    private static func hits(
        _ stream: IDStream, _ policy: Policy, capacity: Int
    ) throws -> Int {
        switch policy {
        case .store:
            let replay = try StoreReplay(stream, capacity: capacity)
            guard replay.rowsMax <= capacity else {
                preconditionFailure("\(replay.rowsMax) rows where \(capacity) have room")
            }
            return replay.hits
        case .lru: return LRU.hits(stream, capacity: capacity)
        case .lfu: return LFU.hits(stream, capacity: capacity)
        case .s3FIFO: return S3FIFO.hits(stream, capacity: capacity)
        case .wTinyLFU: return WTinyLFU.hits(stream, capacity: capacity)
        case .belady: return Belady.hits(stream, capacity: capacity)
        }
    }
}
