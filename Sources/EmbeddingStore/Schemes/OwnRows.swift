/// Every id has a row of its own, whose key it is: the scheme `full`.
struct OwnRows: SchemeRows {
    let rows: RowStore

    func pullHot(_ ids: Keys, create: Bool, into output: RowOutput, found: FoundBits?) -> [UInt32] {
        unsafe rows.pullHot(ids, create: create, into: output, found: found)
    }

    func pullCold(
        _ ids: Keys, missing: [UInt32], create: Bool, into output: RowOutput, found: FoundBits?
    ) throws(StoreError) {
        try unsafe rows.pullCold(ids, missing: missing, create: create, into: output, found: found)
    }

    func keysToPrefetch(_ ids: Keys) -> [UInt64] { unsafe ids.array }

    func pushHot(_ ids: Keys, _ gradients: UnsafePointer<Float>) throws(StoreError) -> Commit? {
        try unsafe rows.writeHot(rows.unique(ids, gradients, .step), .step)
    }

    func pushCold(_ ids: Keys, _ gradients: UnsafePointer<Float>) throws(StoreError) -> Commit {
        try unsafe rows.writeCold(rows.unique(ids, gradients, .step), .step)
    }

    func assignHot(_ ids: Keys, _ values: UnsafePointer<Float>) throws(StoreError) -> Commit? {
        try unsafe rows.writeHot(rows.unique(ids, values, .assign), .assign)
    }

    func assignCold(_ ids: Keys, _ values: UnsafePointer<Float>) throws(StoreError) -> Commit {
        try unsafe rows.writeCold(rows.unique(ids, values, .assign), .assign)
    }

    func delete(_ ids: [UInt64]) throws(StoreError) -> (count: Int, Commit) {
        try rows.delete(ids)
    }
}
