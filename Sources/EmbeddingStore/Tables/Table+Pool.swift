internal import CKernels

extension ReadableTable {
    /// Bytes of rows that one pool request may look at.
    public static var poolBytesMax: Int { 256 << 20 }

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
            try unsafe pullHot(ids, create: create, into: output(bytes, count), found: nil)
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
                ids, missing: missing, create: create, into: output(bytes, ids.count / 8),
                found: nil)
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
