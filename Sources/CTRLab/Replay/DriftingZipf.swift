/// Ids that are drawn by Zipf's law, while the popular ones change.
///
/// Time is cut into phases of the same length. In each of them other ids are popular: the id of
/// rank r in phase p is the r-th of an order that belongs to the phase. Between the phases nothing
/// passes gradually, which is harder for a cache than what logs do.
public struct DriftingZipf: Sendable, Hashable {
    /// Ids that there are.
    public var ids: Int
    /// The id of rank r comes with probability ∝ r^−exponent.
    public var exponent: Double
    public var draws: Int
    public var phases: Int
    public var seed: UInt64

    public init(ids: Int, exponent: Double, draws: Int, phases: Int, seed: UInt64 = 1) {
        self.ids = ids
        self.exponent = exponent
        self.draws = draws
        self.phases = phases
        self.seed = seed
    }

    /// Ids of one pull.
    private static let pullCount = 16

    /// Throws `badSettings` for figures from which nothing can be drawn.
    public func stream() throws(CTRLabError) -> IDStream {
        guard ids > 0, draws > 0, phases > 0, exponent > 0, exponent.isFinite else {
            throw .badSettings("ids, draws, phases and the exponent are above 0")
        }
        let sampler = ZipfSampler(count: UInt64(ids), exponent: exponent)
        var random = SplitMix64(seed: SplitMix64.mix(seed))
        var order = (0..<UInt64(ids)).map(\.self)
        var stream = IDStream()
        var drawn = 0
        for phase in 1...phases {
            order.shuffle(using: &random)
            let end = draws / phases * phase + (phase == phases ? draws % phases : 0)
            while drawn < end {
                let count = min(Self.pullCount, end - drawn)
                stream.append(
                    (0..<count).map { _ in order[Int(sampler.next(using: &random)) - 1] })
                drawn += count
            }
        }
        return stream
    }
}
