/// The table for a caller in the same process, with arrays. All of these may block.
extension Table {
    /// The rows of `ids`, float32[n][dimension]; unknown ids are created, or without `create`
    /// served as the default row.
    public func pull(_ ids: [UInt64], create: Bool = true) throws(StoreError) -> [Float] {
        var result = [Float](repeating: 0, count: ids.count * schema.dimension)
        try unsafe ids.withBytes { (idBytes) throws(StoreError) in
            try unsafe result.withMutableBytes { (bytes) throws(StoreError) in
                let output = unsafe RowOutput(
                    bytes, format: .float32, rows: ids.count, dimension: schema.dimension)
                let missing = try unsafe pullHot(idBytes, create: create, into: output)
                if !missing.isEmpty {
                    try unsafe pullCold(idBytes, missing: missing, create: create, into: output)
                }
            }
        }
        return result
    }

    /// Brings the rows of ids into memory that will soon be pulled, and holds them there; returns how
    /// many. Blocks.
    public func prefetch(_ ids: [UInt64], by announcer: Announcer) throws(StoreError) -> Int {
        let prefetch = unsafe ids.withBytes { unsafe prefetchHot($0, by: announcer) }
        return prefetch.isComplete ? prefetch.held : try prefetchCold(prefetch)
    }

    /// Which of `ids` have a row.
    public func contains(_ ids: [UInt64]) throws(StoreError) -> [Bool] {
        try serve(ids).found
    }

    /// The rows of `ids`, float32[n][dimension], and which of them are there; the others are served as
    /// the default row, and nothing is created.
    public func serve(
        _ ids: [UInt64]
    ) throws(StoreError) -> (rows: [Float], found: [Bool]) {
        var bits = [UInt8](repeating: 0, count: (ids.count + 7) / 8)
        var rows = [Float](repeating: 0, count: ids.count * schema.dimension)
        try unsafe ids.withBytes { (idBytes) throws(StoreError) in
            try unsafe bits.withMutableBytes { (bits) throws(StoreError) in
                try unsafe rows.withMutableBytes { (bytes) throws(StoreError) in
                    let output = unsafe RowOutput(
                        bytes, format: .float32, rows: ids.count, dimension: schema.dimension)
                    let found = unsafe FoundBits(bits)
                    let missing = try unsafe pullHot(
                        idBytes, create: false, into: output, found: found)
                    if !missing.isEmpty {
                        try unsafe pullCold(
                            idBytes, missing: missing, create: false, into: output, found: found)
                    }
                }
            }
        }
        return (rows, ids.indices.map { bits[$0 / 8] >> UInt8($0 % 8) & 1 == 1 })
    }

    /// One optimizer step with `gradients`, float32[n][dimension]; those of one id are summed
    /// first.
    public func push(_ ids: [UInt64], _ gradients: [Float]) throws(StoreError) {
        try unsafe ids.withBytes { (ids) throws(StoreError) in
            try unsafe gradients.withUnsafeBufferPointer { (gradients) throws(StoreError) in
                if let commit = try unsafe pushHot(ids, gradients: gradients) {
                    return try commit.wait()
                }
                try unsafe pushCold(ids, gradients: gradients).wait()
            }
        }
    }

    /// Replaces the rows of `ids` and resets their optimizer state.
    public func assign(_ ids: [UInt64], _ values: [Float]) throws(StoreError) {
        try unsafe ids.withBytes { (ids) throws(StoreError) in
            try unsafe values.withUnsafeBufferPointer { (values) throws(StoreError) in
                if let commit = try unsafe assignHot(ids, values: values) {
                    return try commit.wait()
                }
                try unsafe assignCold(ids, values: values).wait()
            }
        }
    }

    /// Deletes rows and returns how many there were.
    public func delete(_ ids: [UInt64]) throws(StoreError) -> Int {
        try unsafe ids.withBytes { (ids) throws(StoreError) in
            let (count, commit) = try unsafe delete(ids)
            try commit.wait()
            return count
        }
    }
}
