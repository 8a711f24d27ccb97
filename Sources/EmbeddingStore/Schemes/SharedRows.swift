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
    static let blockCount = 1024

    func pullHot(_ ids: Keys, create: Bool, into output: RowOutput, found: FoundBits?) -> [UInt32] {
        let count = unsafe ids.count
        if combination == nil {
            return unsafe keys.keys(count: count) { unsafe ids[$0] }.withBytes {
                unsafe rows.pullHot(Keys($0), create: create, into: output, found: found)
            }
        }
        var missing: [UInt32] = []
        for start in stride(from: 0, to: count, by: Self.blockCount) {
            let block = Array(UInt32(start)..<UInt32(min(start + Self.blockCount, count)))
            missing += unsafe pullHot(ids, block, create: create, into: output, found: found)
        }
        return missing
    }

    /// The same for the ids at some positions, at most `blockCount`.
    func pullHot(
        _ ids: Keys, _ positions: [UInt32], create: Bool, into output: RowOutput, found: FoundBits?
    ) -> [UInt32] {
        if positions.isEmpty { return [] }
        let parts = PartRows(
            count: keys.partCount * positions.count, dimension: rows.layout.dimension)
        let keys = keys.keys(count: positions.count) { unsafe ids[Int(positions[$0])] }
        let absent = unsafe keys.withBytes {
            unsafe rows.pullHot(
                Keys($0), create: create, into: parts.output, found: nil, endsHolds: false)
        }
        var isAbsent = [Bool](repeating: false, count: positions.count)
        for part in absent { isAbsent[Int(part) / self.keys.partCount] = true }
        var missing: [UInt32] = []
        // Of the others `pullCold` asks for all parts again.
        var servedKeys: [UInt64] = []
        let endsHolds = !rows.budget.announcements.isIdle
        for (at, position) in positions.enumerated() {
            if isAbsent[at] {
                missing.append(position)
            } else {
                unsafe serve(parts, at, at: Int(position), into: output)
                unsafe found?.set(Int(position))
                if !endsHolds { continue }
                servedKeys += keys[(self.keys.partCount * at)..<(self.keys.partCount * (at + 1))]
            }
        }
        rows.endHolds(servedKeys)
        return missing
    }

    func pullCold(
        _ ids: Keys, missing: [UInt32], create: Bool, into output: RowOutput, found: FoundBits?
    ) throws(StoreError) {
        let partCount = keys.partCount
        for start in stride(from: 0, to: missing.count, by: Self.blockCount) {
            let block = missing[start...].prefix(Self.blockCount)
            let parts = PartRows(
                count: partCount * block.count, dimension: rows.layout.dimension)
            let keys = keys.keys(count: block.count) { unsafe ids[Int(block[start + $0])] }
            try parts.pullCold(keys, from: rows, create: create, endsHolds: true)
            for (at, id) in block.enumerated() {
                unsafe serve(parts, at, at: Int(id), into: output)
                if (0..<partCount).allSatisfy({ parts.isFound(partCount * at + $0) }) {
                    unsafe found?.set(Int(id))
                }
            }
        }
    }

    /// What ids are served, float32[ids][dimension], as if their rows had been created; none is.
    /// Blocks.
    func values(of ids: [UInt64]) throws(StoreError) -> PartRows {
        let parts = PartRows(
            count: keys.partCount * ids.count, dimension: rows.layout.dimension)
        try parts.readCold(keys.keys(count: ids.count) { ids[$0] }, from: rows)
        let values = PartRows(count: ids.count, dimension: dimension)
        for at in ids.indices { unsafe serve(parts, at, at: at, into: values.output) }
        return values
    }

    private func serve(_ parts: PartRows, _ number: Int, at position: Int, into output: RowOutput) {
        let row = unsafe parts.row(keys.partCount * number)
        unsafe combination?.combine(row)
        unsafe output.write(row, at: position)
    }

    func keysToPrefetch(_ ids: Keys) -> [UInt64] {
        unsafe keys.keys(count: ids.count) { unsafe ids[$0] }
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
        let absent = unsafe keys.withBytes {
            unsafe rows.pullHot(
                Keys($0), create: false, into: factors.output, found: nil, endsHolds: false)
        }
        if !absent.isEmpty, !rows.isColdEmpty { return nil }
        for part in absent.map(Int.init) {
            unsafe rows.readStart(of: keys[part], into: factors.row(part))
        }
        return try unsafe stepFactors(keys, factors, gradients) { (unique) throws(StoreError) in
            try rows.writeHot(unique, .step)
        }
    }

    func pushCold(_ ids: Keys, _ gradients: UnsafePointer<Float>) throws(StoreError) -> Commit {
        let keys = unsafe keys.keys(count: ids.count) { unsafe ids[$0] }
        guard combination?.combine == .multiply else {
            return try unsafe step(keys, gradients) { (unique) throws(StoreError) in
                try rows.writeCold(unique, .step)
            }
        }
        let factors = PartRows(count: keys.count, dimension: dimension)
        try factors.readCold(keys, from: rows)
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
