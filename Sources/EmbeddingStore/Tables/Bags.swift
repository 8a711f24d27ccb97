/// How the rows of a bag become one, as in `torch.nn.EmbeddingBag`.
public enum PoolMode: UInt8, Sendable, CaseIterable {
    case sum = 0
    case mean = 1
    case max = 2
}

/// The bags of a pool request: bag `i` is ids `offsets[i] ..< offsets[i + 1]`, the last one ends at
/// the last id.
public struct Bags: Sendable {
    let offsets: [Int]
    let idCount: Int
    let mode: PoolMode
    /// A factor for each id, only for sums.
    let weights: [Float]?

    /// Throws `malformed` unless the offsets ascend from 0 within the ids and weights, when given,
    /// are one for each id of a sum; `nonFinite` for such weights.
    public init(offsets: [UInt64], idCount: Int, mode: PoolMode, weights: [Float]?)
        throws(StoreError)
    {
        guard let first = offsets.first else {
            guard idCount == 0 else { throw .malformed("\(idCount) ids but no bag") }
            self.offsets = []
            self.idCount = 0
            self.mode = mode
            self.weights = nil
            return
        }
        guard first == 0 else { throw .malformed("the first offset is \(first), not 0") }
        var previous: UInt64 = 0
        for offset in offsets {
            guard offset >= previous, offset <= UInt64(idCount) else {
                throw .malformed("offset \(offset) after \(previous), with \(idCount) ids")
            }
            previous = offset
        }
        if let weights {
            guard mode == .sum else { throw .malformed("weights go with sums only") }
            guard weights.count == idCount else {
                throw .malformed("\(weights.count) weights for \(idCount) ids")
            }
            guard weights.allSatisfy(\.isFinite) else { throw .nonFinite("a weight") }
        }
        self.offsets = offsets.map(Int.init)
        self.idCount = idCount
        self.mode = mode
        self.weights = weights
    }

    public var count: Int { offsets.count }

    func ids(of bag: Int) -> Range<Int> {
        offsets[bag]..<(bag + 1 < offsets.count ? offsets[bag + 1] : idCount)
    }
}
