internal import CKernels

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

/// The rows of a pool request on their way to being combined; some may still be on disk.
public final class PoolRows: @unchecked Sendable {
    // Handed from one thread to the next, never used by two; a class, so that it is not copied.
    fileprivate var rows: [Float]
    fileprivate var missing: [UInt32] = []

    fileprivate init(count: Int) { rows = [Float](repeating: 0, count: count) }

    /// Whether all rows are here, so that the bags can be combined.
    public var isComplete: Bool { missing.isEmpty }
}

extension Table {
    /// Bytes of rows that one pool request may look at.
    public static let poolBytesMax = 256 << 20

    /// Gathers the rows that are in memory. Throws `readOnly` or `tooLarge`.
    public func gatherHot(_ ids: UnsafeRawBufferPointer, create: Bool) throws(StoreError)
        -> PoolRows
    {
        let count = ids.count / 8
        let (bytes, overflow) = count.multipliedReportingOverflow(by: 4 * schema.dimension)
        guard !overflow, bytes <= Self.poolBytesMax else {
            throw .tooLarge("pooling \(count) rows takes more than \(Self.poolBytesMax) bytes")
        }
        let pool = PoolRows(count: count * schema.dimension)
        pool.missing = try unsafe pool.rows.withMutableBytes { (bytes) throws(StoreError) in
            try unsafe pullHot(ids, create: create, into: output(bytes, count))
        }
        return pool
    }

    /// Gathers the rest from disk. Blocks.
    public func gatherCold(
        _ ids: UnsafeRawBufferPointer, create: Bool, _ pool: PoolRows
    ) throws(StoreError) {
        let missing = pool.missing
        try unsafe pool.rows.withMutableBytes { (bytes) throws(StoreError) in
            try unsafe pullCold(
                ids, missing: missing, create: create, into: output(bytes, ids.count / 8))
        }
        pool.missing = []
    }

    private func output(_ bytes: UnsafeMutableRawBufferPointer, _ count: Int) -> RowOutput {
        unsafe RowOutput(bytes, format: .float32, rows: count, dimension: schema.dimension)
    }

    /// Writes one combined row for each bag; zeros for an empty one.
    public func combine(_ pool: PoolRows, _ bags: Bags, into output: RowOutput) {
        unsafe precondition(pool.isComplete && output.count == bags.count)
        let dimension = schema.dimension
        var result = [Float](repeating: 0, count: dimension)
        unsafe pool.rows.withUnsafeBufferPointer { rows in
            unsafe result.withUnsafeMutableBufferPointer { result in
                let combined = result.baseAddress!  // dimension is at least 1
                for bag in 0..<bags.count {
                    let ids = bags.ids(of: bag)
                    unsafe combined.update(repeating: 0, count: dimension)
                    if let first = ids.first, bags.mode == .max {
                        unsafe combined.update(
                            from: rows.baseAddress! + first * dimension, count: dimension)
                    }
                    for id in ids {
                        // Not empty: there is an id.
                        let row = unsafe rows.baseAddress! + id * dimension
                        switch bags.mode {
                        case .max: unsafe tc_max(combined, row, dimension)
                        case .sum where bags.weights != nil:
                            unsafe tc_add_scaled(combined, row, dimension, bags.weights![id])
                        case .sum, .mean: unsafe tc_add(combined, row, dimension)
                        }
                    }
                    if bags.mode == .mean, !ids.isEmpty {
                        unsafe tc_scale(combined, dimension, 1 / Float(ids.count))
                    }
                    unsafe output.write(combined, at: bag)
                }
            }
        }
    }

    /// One row for each bag, float32[bags][dimension]. Blocks.
    public func pool(_ ids: [UInt64], _ bags: Bags, create: Bool = false) throws(StoreError)
        -> [Float]
    {
        var result = [Float](repeating: 0, count: bags.count * schema.dimension)
        try unsafe ids.withBytes { (ids) throws(StoreError) in
            let gathered = try unsafe gatherHot(ids, create: create)
            if !gathered.isComplete { try unsafe gatherCold(ids, create: create, gathered) }
            unsafe result.withMutableBytes {
                unsafe combine(gathered, bags, into: output($0, bags.count))
            }
        }
        return result
    }
}
