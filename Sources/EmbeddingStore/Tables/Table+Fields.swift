internal import NIOConcurrencyHelpers

extension Table {
    /// The rows in memory by field, and the ids that are counted; nil where ids do not say their
    /// field (``TableSchema/fieldBits``) or all of them share rows. Rows on disk are not told apart:
    /// that takes reading them, which ``TableSurvey`` does.
    ///
    /// Nothing is counted before it is asked for: this looks at every row in memory, while requests
    /// go on, so a row that moves meanwhile may be counted twice. Blocks.
    public func fieldStatistics() -> FieldStatistics? {
        guard var tally = FieldTally(schema) else { return nil }
        rows.tallyHot(into: &tally)
        if let admission = admitted?.admission { tally.add(admission.countedIDs) }
        return tally.statistics
    }
}

extension RowStore {
    /// Rows that are looked at under one lock: some tens of microseconds.
    private static let talliedSliceRows = 4096

    /// Adds the rows in memory. Backwards, as a row that a removal moves goes forwards: none is left
    /// out.
    func tallyHot(into tally: inout FieldTally) {
        let epoch = budget.epoch
        var slice: [(key: UInt64, frequency: UInt16)] = []
        slice.reserveCapacity(Self.talliedSliceRows)
        for shard in shards {
            var end = Int.max
            while end > 0 {
                shard.lock.withLock {
                    end = min(end, shard.count)
                    let start = max(0, end - Self.talliedSliceRows)
                    for position in start..<end {
                        let meta = unsafe shard.meta(shard.record(position)).pointee
                        slice.append((shard.key(at: position), meta.frequency(at: epoch)))
                    }
                    end = start
                }
                for row in slice { tally.add(row: row.key, frequency: row.frequency) }
                slice.removeAll(keepingCapacity: true)
            }
        }
    }
}
