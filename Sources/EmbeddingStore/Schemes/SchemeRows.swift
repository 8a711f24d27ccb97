/// The rows of a table as ids see them: what a scheme makes of a `RowStore`, which keeps rows by key
/// and knows nothing of ids.
///
/// The halves are those of ``Table``: `…Hot` never blocks and does what memory allows, `…Cold` the
/// rest. Values have been checked.
protocol SchemeRows: Sendable {
    /// Writes the rows of the ids that need no disk; returns the positions of the others.
    func pullHot(_ ids: Keys, create: Bool, into output: RowOutput, found: FoundBits?) -> [UInt32]

    func pullCold(
        _ ids: Keys, missing: [UInt32], create: Bool, into output: RowOutput, found: FoundBits?
    ) throws(StoreError)

    /// The keys of the rows that a pull of the ids looks at, as far as that is known, in their order.
    func keysToPrefetch(_ ids: Keys) -> [UInt64]

    /// Takes one step with `gradients`, or changes nothing and returns nil.
    func pushHot(_ ids: Keys, _ gradients: UnsafePointer<Float>) throws(StoreError) -> Commit?

    func pushCold(_ ids: Keys, _ gradients: UnsafePointer<Float>) throws(StoreError) -> Commit

    /// Replaces what the ids are served, or changes nothing and returns nil.
    func assignHot(_ ids: Keys, _ values: UnsafePointer<Float>) throws(StoreError) -> Commit?

    func assignCold(_ ids: Keys, _ values: UnsafePointer<Float>) throws(StoreError) -> Commit

    /// Who has a row of its own, where not everybody has or nobody.
    var admitted: AdmittedRows? { get }

    /// Deletes the rows that belong to one of `ids`, which are distinct, alone.
    func delete(_ ids: [UInt64]) throws(StoreError) -> (count: Int, Commit)
}

extension SchemeRows {
    var admitted: AdmittedRows? { nil }
}

extension TableSchema {
    /// Values in a row as it is kept: half of what is served where two are concatenated, and of a
    /// network's parameters as many as a row of them has.
    public var rowDimension: Int {
        if case .deepHash = scheme { return DeepHashShape.rowLength }
        return scheme.combine == .concatenate ? dimension / 2 : dimension
    }

    /// Precision of a row on disk, as it is kept. A network's parameters lose nothing there: each is
    /// a part of every row that is served.
    public var coldRowPrecision: Precision {
        if case .deepHash = scheme { return hotPrecision }
        return coldPrecision
    }
}

extension RowStore {
    /// What the schema's scheme makes of these rows.
    var asSchemeSays: any SchemeRows {
        if let start = DeepHashStart(schema) { return NetworkRows(rows: self, start: start) }
        guard let keys = SharedKeys(schema) else { return OwnRows(rows: self) }
        let shared = SharedRows(rows: self, keys: keys)
        guard let admission = admission(beside: keys) else { return shared }
        return AdmittedRows(rows: self, shared: shared, admission: admission)
    }

    private func admission(beside keys: SharedKeys) -> (any Admission)? {
        switch schema.scheme {
        case .full, .hashed, .doubleHashed, .quotientRemainder, .deepHash:
            nil
        case .frequencyDoubleHashed(let own, _, let score):
            FrequencySketch(
                own: own, admitAfter: schema.admissionCount, score: score, seed: schema.seed,
                firstSharedKey: keys.firstShared)
        case .frequencyFiltered(.exact):
            ExactFilter(admitAfter: schema.admissionCount, budget: budget)
        case .frequencyFiltered(.bloom(let counters)):
            BloomFilter(
                counters: counters, admitAfter: schema.admissionCount, seed: schema.seed)
        }
    }
}

extension RowStore {
    /// The rows that one write changes: row `sources[i]` of `values`, or row `i`, for key `i`.
    /// Throws `nonFinite` when the sum of the gradients for a key is too large.
    func unique(
        _ keys: Keys, _ values: UnsafePointer<Float>, sources: [UInt32]? = nil, _ change: Change
    ) throws(StoreError) -> UniqueRows {
        let unique = unsafe UniqueRows(
            keys, values, sources: sources, dimension: layout.dimension,
            duplicates: change == .step ? .sum : .last, hash: hash)
        guard unique.sumsAreFinite(dimension: layout.dimension) else {
            throw .nonFinite("a sum of gradients")
        }
        return unique
    }
}
