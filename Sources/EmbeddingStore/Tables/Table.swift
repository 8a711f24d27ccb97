internal import CKernels
import Synchronization

/// A named set of rows with one schema: what a request is about.
///
/// Reads and writes come in two halves. The first, named `…Hot`, serves what is in memory and never
/// blocks, so it may run on an event loop; what it could not do, the second half does with one
/// batched read of the disk, and belongs on a thread that may block. In process, `pull`, `push`,
/// `assign` and `pool` do both.
///
/// Ids come as bytes, 8 for each, little-endian, at any alignment: as they stand in a request.
public final class Table: Sendable {
    public let name: String
    let rows: RowStore
    let scheme: any SchemeRows

    /// Without `servesIds` rows are asked for by key, whatever the scheme.
    init(name: String, rows: RowStore, servesIds: Bool = true) {
        self.name = name
        self.rows = rows
        scheme = servesIds ? rows.asSchemeSays : OwnRows(rows: rows)
        rows.budget.add(countingBytes)
    }

    deinit { rows.budget.add(-countingBytes) }

    /// Memory that counting how often ids are seen takes, whatever comes.
    private var countingBytes: Int { admitted?.admission.byteCount ?? 0 }

    public var number: UInt32 { rows.table }
    public var schema: TableSchema { rows.schema }

    /// Rows in the table, in either tier.
    public var count: Int { rows.count }

    public func statistics() -> TableStatistics {
        var statistics = rows.statistics(name: name)
        statistics.admission = admitted?.admission.figures
        return statistics
    }

    // MARK: pull

    /// Writes the rows of the ids that are in memory and returns the positions of the others; with
    /// `create` an unknown id gets a row, without it nothing is created. Throws `readOnly`.
    public func pullHot(
        _ ids: UnsafeRawBufferPointer, create: Bool, into output: RowOutput, found: FoundBits? = nil
    ) throws(StoreError) -> [UInt32] {
        if create, rows.isReadOnly { throw .readOnly }
        return unsafe scheme.pullHot(Keys(ids), create: create, into: output, found: found)
    }

    /// Writes the rows at the positions that `pullHot` returned. Blocks.
    ///
    /// Throws `storageFailed` or `damaged` for a row that could not be read, and `overloaded` when
    /// there is no room for it in time.
    public func pullCold(
        _ ids: UnsafeRawBufferPointer, missing: [UInt32], create: Bool, into output: RowOutput,
        found: FoundBits? = nil
    ) throws(StoreError) {
        try naming { () throws(StoreError) in
            try unsafe scheme.pullCold(
                Keys(ids), missing: missing, create: create, into: output, found: found)
        }
    }

    // MARK: announcements

    /// Holds the rows of ids that will soon be pulled or pooled in memory, each until it has been as
    /// often as its id comes here; see ``Announcer``.
    public func prefetchHot(_ ids: UnsafeRawBufferPointer, by announcer: Announcer) -> Prefetch {
        unsafe rows.prefetchHot(scheme.keysToPrefetch(Keys(ids)), by: announcer)
    }

    /// Brings those rows into memory that are not there, and returns how many are held: the first ones,
    /// where there are too many. Ids without a row are passed over. Blocks.
    ///
    /// Throws `storageFailed` or `damaged`; nothing is held then.
    public func prefetchCold(_ prefetch: Prefetch) throws(StoreError) -> Int {
        try naming { () throws(StoreError) in try rows.prefetchCold(prefetch) }
    }

    // MARK: push and assign

    /// Takes one optimizer step with the gradients (float32[n][dimension]; those of one id are
    /// summed first) if all the rows are in memory, and says when that may be acknowledged; else
    /// changes nothing and returns nil.
    ///
    /// Throws `dimensionMismatch`, `nonFinite`, `readOnly`, or `storageFailed` when the log has
    /// failed; nothing has changed then.
    public func pushHot(
        _ ids: UnsafeRawBufferPointer, gradients: UnsafeBufferPointer<Float>
    ) throws(StoreError) -> Commit? {
        try unsafe scheme.pushHot(Keys(ids), checked(gradients, for: ids, "a gradient"))
    }

    /// The same wherever the rows are; all of it is applied, or on error nothing. Blocks.
    ///
    /// Throws also `storageFull`, `damaged`, `overloaded`, and `tooLarge` for more rows than half of
    /// the hot tier, or a quarter of the log.
    public func pushCold(
        _ ids: UnsafeRawBufferPointer, gradients: UnsafeBufferPointer<Float>
    ) throws(StoreError) -> Commit {
        let gradients = try unsafe checked(gradients, for: ids, "a gradient")
        return try naming { () throws(StoreError) in
            try unsafe scheme.pushCold(Keys(ids), gradients)
        }
    }

    /// Replaces rows and resets their optimizer state, as `pushHot`; of an id that comes twice the
    /// last row counts.
    public func assignHot(
        _ ids: UnsafeRawBufferPointer, values: UnsafeBufferPointer<Float>
    ) throws(StoreError) -> Commit? {
        try unsafe scheme.assignHot(Keys(ids), checked(values, for: ids, "a row"))
    }

    /// Replaces rows and resets their optimizer state, as `pushCold`. Blocks.
    public func assignCold(
        _ ids: UnsafeRawBufferPointer, values: UnsafeBufferPointer<Float>
    ) throws(StoreError) -> Commit {
        let values = try unsafe checked(values, for: ids, "a row")
        return try naming { () throws(StoreError) in
            try unsafe scheme.assignCold(Keys(ids), values)
        }
    }

    /// The address of values that are finite and as many as the ids need.
    private func checked(
        _ values: UnsafeBufferPointer<Float>, for ids: UnsafeRawBufferPointer, _ what: String
    ) throws(StoreError) -> UnsafePointer<Float> {
        if rows.isReadOnly { throw .readOnly }
        let count = ids.count / 8
        guard values.count == count * schema.dimension else {
            throw .malformed(
                "\(values.count) values for \(count) rows of dimension \(schema.dimension)")
        }
        // An empty request has no address; nothing is read through this one then.
        let base = unsafe values.baseAddress ?? UnsafePointer(bitPattern: 16)!
        guard unsafe tc_all_finite(base, values.count) else { throw .nonFinite(what) }
        return unsafe base
    }

    // MARK: delete

    /// Deletes the rows of the ids from both tiers; returns how many there were, and when that may be
    /// acknowledged. Rows that ids share stay. Blocks.
    ///
    /// Throws `storageFailed`, or `damaged` when it cannot be read whether there is a row; nothing
    /// has changed then.
    public func delete(_ ids: UnsafeRawBufferPointer) throws(StoreError) -> (count: Int, Commit) {
        if rows.isReadOnly { throw .readOnly }
        let keys = unsafe Keys(ids)
        let distinct = unsafe Set((0..<keys.count).map { unsafe keys[$0] })
        return try naming { () throws(StoreError) in try scheme.delete(Array(distinct)) }
    }

    /// Gives rows of their own, which they do not lose by going quiet, to ids that are known to be
    /// frequent, while there is room; they start as what the ids were served so far. Returns how many
    /// ids got one. Blocks.
    ///
    /// Throws `unsupported` for a table whose scheme does not admit ids.
    public func admit(_ ids: [UInt64]) throws(StoreError) -> Int {
        if rows.isReadOnly { throw .readOnly }
        guard let admitted else {
            throw .unsupported("table '\(name)' does not give rows to some ids and not to others")
        }
        return try naming { () throws(StoreError) in try admitted.admit(chosen: ids) }
    }

    /// Counts the rows, as `RowStore.recount` does, and says how far it is.
    func recount(
        coldKeys known: Int?, _ onEvent: (@Sendable (Store.Event) -> Void)?
    ) throws(StoreError) {
        try naming { () throws(StoreError) in
            try rows.recount(coldKeys: known) { done, all in
                onEvent?(.counting(table: name, rows: done, of: all))
            }
        }
    }

    /// Gives damage that is met the name of the table: below here it has a number only.
    func naming<Result>(
        _ body: () throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        do { return try body() } catch { throw error.inTable(name) }
    }
}
