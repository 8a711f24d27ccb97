internal import CKernels

/// Ids share rows, one or two for each: the schemes `hashed`, `doubleHashed` and
/// `quotientRemainder`.
struct SharedRows: SchemeRows {
    let rows: RowStore
    let keys: SharedKeys
    /// Nil where one row stands for an id.
    private let combination: Combination?
    private let dimension: Int

    init(rows: RowStore, keys: SharedKeys) {
        self.rows = rows
        self.keys = keys
        combination = Combination(rows.schema)
        dimension = rows.schema.dimension
    }

    // MARK: pull

    /// Ids whose rows are gathered at once: few enough for the rows to stay in the second-level cache
    /// until they are combined.
    private static let blockCount = 1024

    func pullHot(_ ids: Keys, create: Bool, into output: RowOutput, found: FoundBits?) -> [UInt32] {
        guard combination != nil else {
            return unsafe keys.keys(count: ids.count) { unsafe ids[$0] }.withBytes {
                unsafe rows.pullHot(Keys($0), create: create, into: output, found: found)
            }
        }
        var missing: [UInt32] = []
        let count = unsafe ids.count
        for start in stride(from: 0, to: count, by: Self.blockCount) {
            let range = start..<min(start + Self.blockCount, count)
            let parts = PartRows(count: 2 * range.count, dimension: rows.layout.dimension)
            let keys = keys.keys(count: range.count) { unsafe ids[start + $0] }
            let absent = unsafe keys.withBytes {
                unsafe rows.pullHot(Keys($0), create: create, into: parts.output, found: nil)
            }
            var isMissing = [Bool](repeating: false, count: absent.isEmpty ? 0 : range.count)
            for part in absent { isMissing[Int(part) / 2] = true }
            for id in range {
                if !absent.isEmpty, isMissing[id - start] {
                    missing.append(UInt32(truncatingIfNeeded: id))
                } else {
                    unsafe serve(parts, id - start, at: id, into: output)
                    unsafe found?.set(id)
                }
            }
        }
        return missing
    }

    func pullCold(
        _ ids: Keys, missing: [UInt32], create: Bool, into output: RowOutput, found: FoundBits?
    ) throws(StoreError) {
        guard combination != nil else {
            // Only the keys of what is missing are looked at.
            let keys = keys.keys(count: unsafe ids.count) { unsafe ids[$0] }
            return try unsafe keys.withBytes { (keys) throws(StoreError) in
                try unsafe rows.pullCold(
                    Keys(keys), missing: missing, create: create, into: output, found: found)
            }
        }
        for start in stride(from: 0, to: missing.count, by: Self.blockCount) {
            let block = missing[start...].prefix(Self.blockCount)
            let parts = PartRows(count: 2 * block.count, dimension: rows.layout.dimension)
            let keys = keys.keys(count: block.count) { unsafe ids[Int(block[start + $0])] }
            try parts.pullCold(keys, from: rows, create: create)
            for (at, id) in block.enumerated() {
                unsafe serve(parts, at, at: Int(id), into: output)
                if parts.isFound(2 * at), parts.isFound(2 * at + 1) { unsafe found?.set(Int(id)) }
            }
        }
    }

    private func serve(_ parts: PartRows, _ number: Int, at position: Int, into output: RowOutput) {
        let row = unsafe parts.row(2 * number)
        // There are two.
        unsafe combination!.combine(row)
        unsafe output.write(row, at: position)
    }

    // MARK: push

    func pushHot(_ ids: Keys, _ gradients: UnsafePointer<Float>) throws(StoreError) -> Commit? {
        let keys = unsafe keys.keys(count: ids.count) { unsafe ids[$0] }
        guard combination?.combine == .multiply else {
            return try unsafe step(keys, gradients) { (unique) throws(StoreError) in
                try rows.writeHot(unique, .step)
            }
        }
        let factors = PartRows(count: keys.count, dimension: dimension)
        let missing = unsafe keys.withBytes {
            unsafe rows.pullHot(Keys($0), create: true, into: factors.output, found: nil)
        }
        return missing.isEmpty
            ? try unsafe stepFactors(keys, factors, gradients) { (unique) throws(StoreError) in
                try rows.writeHot(unique, .step)
            } : nil
    }

    func pushCold(_ ids: Keys, _ gradients: UnsafePointer<Float>) throws(StoreError) -> Commit {
        let keys = unsafe keys.keys(count: ids.count) { unsafe ids[$0] }
        guard combination?.combine == .multiply else {
            return try unsafe step(keys, gradients) { (unique) throws(StoreError) in
                try rows.writeCold(unique, .step)
            }
        }
        let factors = PartRows(count: keys.count, dimension: dimension)
        try factors.pullCold(keys, from: rows, create: true)
        return try unsafe stepFactors(keys, factors, gradients) { (unique) throws(StoreError) in
            try rows.writeCold(unique, .step)
        }
    }

    /// The whole gradient of a sum is that of each of its rows; that of two halves is cut.
    private func step<Result>(
        _ keys: [UInt64], _ gradients: UnsafePointer<Float>,
        _ write: (borrowing UniqueRows) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        let sources =
            combination?.combine == .sum
            ? keys.indices.map { UInt32(truncatingIfNeeded: $0 / 2) } : nil
        return try unsafe keys.withBytes { (keys) throws(StoreError) in
            try unsafe write(rows.unique(Keys(keys), gradients, sources: sources, .step))
        }
    }

    private func stepFactors<Result>(
        _ keys: [UInt64], _ factors: PartRows, _ gradients: UnsafePointer<Float>,
        _ write: (borrowing UniqueRows) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        // There are two.
        unsafe combination!.makeGradients(
            ofFactors: factors.row(0), gradients, count: keys.count / 2)
        guard unsafe tc_all_finite(factors.row(0), keys.count * dimension) else {
            throw .nonFinite("the gradient of a factor")
        }
        return try unsafe keys.withBytes { (keys) throws(StoreError) in
            try unsafe write(rows.unique(Keys(keys), factors.row(0), .step))
        }
    }

    // MARK: assign

    func assignHot(_ ids: Keys, _ values: UnsafePointer<Float>) throws(StoreError) -> Commit? {
        try unsafe assign(ids, values) { (unique) throws(StoreError) in
            try rows.writeHot(unique, .assign)
        }
    }

    func assignCold(_ ids: Keys, _ values: UnsafePointer<Float>) throws(StoreError) -> Commit {
        try unsafe assign(ids, values) { (unique) throws(StoreError) in
            try rows.writeCold(unique, .assign)
        }
    }

    private func assign<Result>(
        _ ids: Keys, _ values: UnsafePointer<Float>,
        _ write: (borrowing UniqueRows) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        let keys = unsafe keys.keys(count: ids.count) { unsafe ids[$0] }
        return try unsafe keys.withBytes { (keyBytes) throws(StoreError) in
            guard let combination else {
                return try unsafe write(rows.unique(Keys(keyBytes), values, .assign))
            }
            let parts = unsafe combination.split(values, count: ids.count)
            return try unsafe parts.withUnsafeBufferPointer { (parts) throws(StoreError) in
                // An empty request has no address; nothing is read through this one then.
                let parts = unsafe parts.baseAddress ?? UnsafePointer(bitPattern: 16)!
                return try unsafe write(rows.unique(Keys(keyBytes), parts, .assign))
            }
        }
    }

    /// None of the rows belongs to one id alone.
    func delete(_ ids: [UInt64]) throws(StoreError) -> (count: Int, Commit) { (0, .done) }
}
