internal import CKernels
internal import NIOConcurrencyHelpers

/// A network makes the rows out of hashes of the ids: the scheme `deepHash`.
///
/// What the row store keeps are the network's parameters, under the keys 0, 1, …; so they have
/// tiers, log and checkpoints as all rows have, and a push takes the optimizer's step with each of
/// them. The passes through the network use a copy of all parameters in one piece, which a push
/// replaces when it is done: a pull never waits for a push, and never sees a part of one. Until the
/// first push there are no parameter rows, only what they would start as.
final class NetworkRows: SchemeRows {
    private let rows: RowStore
    private let network: DeepHashNetwork
    private let start: DeepHashStart
    private let parameterKeys: [UInt64]
    /// One push, or load of the parameters, at a time. Held across I/O.
    private let changes = NIOLock()
    /// Nil until somebody asks, and after a push whose result could not be read.
    private let copy = NIOLockedValueBox<[Float]?>(nil)

    init(rows: RowStore, start: DeepHashStart) {
        self.rows = rows
        self.start = start
        network = DeepHashNetwork(shape: start.shape, seed: start.seed)
        parameterKeys = Array(0..<UInt64(start.shape.rowCount))
    }

    deinit { copy.withLockedValue { if $0 != nil { rows.budget.add(-copyBytes) } } }

    // MARK: parameters

    private var copyBytes: Int { 4 * start.shape.paddedCount }

    /// Blocks, unless the parameters are at hand.
    private func parameters() throws(StoreError) -> [Float] {
        if let parameters = copy.withLockedValue({ $0 }) { return parameters }
        changes.lock()
        defer { changes.unlock() }
        return try loadParameters()
    }

    /// The same with `changes` held.
    private func loadParameters() throws(StoreError) -> [Float] {
        if let parameters = copy.withLockedValue({ $0 }) { return parameters }
        let parameters = try readParameters()
        replaceCopy(parameters)
        return parameters
    }

    private func replaceCopy(_ parameters: [Float]?) {
        copy.withLockedValue { copy in
            // It is memory like that of the rows.
            if (copy == nil) != (parameters == nil) {
                rows.budget.add(copy == nil ? copyBytes : -copyBytes)
            }
            copy = parameters
        }
    }

    private func readParameters() throws(StoreError) -> [Float] {
        let count = parameterKeys.count
        let parts = PartRows(count: count, dimension: DeepHashShape.rowLength)
        try parts.readCold(parameterKeys, from: rows)
        return unsafe Array(
            UnsafeBufferPointer(start: parts.row(0), count: start.shape.paddedCount))
    }

    // MARK: pull

    /// Products that one pull may take on the caller's thread, for all of its ids: about a tenth of
    /// a millisecond.
    private static let hotProductsMax = 1_000_000

    private var hotIDsMax: Int {
        let tile = network.tileIDs
        let tiles = Self.hotProductsMax / start.shape.parameterCount / tile
        return min(DeepHashNetwork.blockIDs, tiles * tile)
    }

    /// Every id has a row, and none is created: there is nothing to find.
    func pullHot(_ ids: Keys, create: Bool, into output: RowOutput, found: FoundBits?) -> [UInt32] {
        let count = unsafe ids.count
        guard count <= hotIDsMax, let parameters = copy.withLockedValue({ $0 }) else {
            return (0..<count).map { UInt32(truncatingIfNeeded: $0) }
        }
        unsafe network.forward(ids, parameters: parameters) { position, row in
            unsafe output.write(row, at: position)
            unsafe found?.set(position)
        }
        return []
    }

    /// Its rows are those of all ids, and always in use.
    func keysToPrefetch(_ ids: Keys) -> [UInt64] { [] }

    func pullCold(
        _ ids: Keys, missing: [UInt32], create: Bool, into output: RowOutput, found: FoundBits?
    ) throws(StoreError) {
        let parameters = try parameters()
        let wanted = missing.map { unsafe ids[Int($0)] }
        unsafe wanted.withBytes {
            unsafe network.forward(Keys($0), parameters: parameters) { place, row in
                let position = Int(missing[place])
                unsafe output.write(row, at: position)
                unsafe found?.set(position)
            }
        }
    }

    // MARK: push

    /// A pass back takes too long for a thread that must not block.
    func pushHot(_ ids: Keys, _ gradients: UnsafePointer<Float>) throws(StoreError) -> Commit? {
        unsafe ids.count == 0 ? .done : nil
    }

    func pushCold(_ ids: Keys, _ gradients: UnsafePointer<Float>) throws(StoreError) -> Commit {
        if unsafe ids.count == 0 { return .done }
        let unique = unsafe UniqueRows(
            ids, gradients, dimension: start.shape.dimension, duplicates: .sum, hash: rows.hash)
        guard unique.sumsAreFinite(dimension: start.shape.dimension) else {
            throw .nonFinite("a sum of gradients")
        }
        changes.lock()
        defer { changes.unlock() }
        let parameters = try loadParameters()
        let gradient = unsafe unique.withKeys { ids in
            unsafe network.backward(ids, parameters: parameters) { unsafe unique.row($0) }
        }
        let commit = try step(gradient)
        // The step is taken: that its result cannot be read is for the next who wants it.
        replaceCopy(try? readParameters())
        return commit
    }

    private func step(_ gradient: [Float]) throws(StoreError) -> Commit {
        try unsafe gradient.withUnsafeBufferPointer { (gradient) throws(StoreError) in
            // There are parameters, so there is an address.
            let values = gradient.baseAddress!
            guard unsafe tc_all_finite(values, gradient.count) else {
                throw .nonFinite("the gradient of the network")
            }
            return try unsafe parameterKeys.withBytes { (keys) throws(StoreError) in
                try unsafe rows.writeCold(rows.unique(Keys(keys), values, .step), .step)
            }
        }
    }

    // MARK: what a network cannot do

    private static let noOwnRows = StoreError.unsupported(
        "a network makes the rows of this table; none can be assigned or deleted")

    func assignHot(_ ids: Keys, _ values: UnsafePointer<Float>) throws(StoreError) -> Commit? {
        throw Self.noOwnRows
    }

    func assignCold(_ ids: Keys, _ values: UnsafePointer<Float>) throws(StoreError) -> Commit {
        throw Self.noOwnRows
    }

    func delete(_ ids: [UInt64]) throws(StoreError) -> (count: Int, Commit) {
        throw Self.noOwnRows
    }
}
