internal import NIOConcurrencyHelpers
import Synchronization

extension RowStore {
    /// Rows of a shard that are looked at to estimate how its frequencies are distributed.
    private static let sampleRows = 512

    /// Adds this table's rows to the histogram: a sample over the whole of each shard, each row of it for those between. Pinned
    /// rows cannot leave and are not counted.
    func sampleFrequencies(into histogram: inout FrequencyHistogram) {
        let epoch = budget.epoch
        for shard in shards {
            shard.lock.withLock {
                let step = max(1, shard.count / Self.sampleRows)
                for position in stride(from: 0, to: shard.count, by: step) {
                    let meta = shard.meta(shard.record(position)).pointee
                    if meta.pins > 0 { continue }
                    histogram.add(
                        frequency: meta.frequency(at: epoch), bytes: Double(step * layout.stride))
                }
            }
        }
    }

    /// Moves rows below the threshold to disk, at most `bytesMax` of them, and returns the bytes of the rows that left.
    ///
    /// Rows are copied out under their shard's lock, written without it, and removed only when they are on disk
    /// and nobody has used them meanwhile: so a row is always in one tier at least, and a row in use stays.
    func demote(below threshold: FrequencyHistogram.Threshold, bytesMax: Int) throws(StoreError) -> Int {
        coldWrites.lock()
        defer { coldWrites.unlock() }
        // The table may have been dropped since the demoter looked: then there is nowhere to go, which is no failure.
        guard cold.tables.contains(table) else { return 0 }
        let staged = stage(below: threshold, rowsMax: max(shards.count, bytesMax / layout.stride))
        if staged.written.count > 0 {
            try cold.write(staged.written, table: table)
        }
        return removeDemoted(staged.keys) * layout.stride
    }

    private struct Staged {
        /// All rows that are to leave, by shard.
        var keys: [[UInt64]]
        /// Those of them that the disk does not have, or has differently.
        var written = ColdRows()
    }

    private func stage(below threshold: FrequencyHistogram.Threshold, rowsMax: Int) -> Staged {
        var staged = Staged(keys: Array(repeating: [], count: shards.count))
        let epoch = budget.epoch
        let rowsPerShard = (rowsMax + shards.count - 1) / shards.count
        withScratch { scratch in
            for (number, shard) in shards.enumerated() {
                // Takes `share` of the rows at the threshold, evenly along the sweep.
                var owed = 0.0
                shard.lock.withLock {
                    shard.sweep { record in
                        let meta = shard.meta(record)
                        let bucket = FrequencyHistogram.bucket(of: meta.pointee.frequency(at: epoch))
                        if bucket > threshold.bucket || meta.pointee.pins > 0 { return true }
                        if bucket == threshold.bucket {
                            owed += threshold.share
                            if owed < 1 { return true }
                            owed -= 1
                        }
                        let key = record.loadUnaligned(as: UInt64.self)
                        meta.pointee.bits &= ~RowMeta.touched
                        staged.keys[number].append(key)
                        if !isReadOnly, mustWrite(meta.pointee) {
                            write(record, key, meta.pointee, schema.coldPrecision, epoch, scratch, &staged.written)
                        }
                        return staged.keys[number].count < rowsPerShard
                    }
                }
            }
        }
        return staged
    }

    /// Whether a row that leaves the hot tier is on disk not at all, differently, or in a precision that only hot rows
    /// are owed.
    private func mustWrite(_ meta: RowMeta) -> Bool {
        meta.has(RowMeta.dirty) || !meta.has(RowMeta.coldCopy)
            || (meta.has(RowMeta.exactCopy) && schema.coldPrecision != layout.precision)
    }

    /// Adds the value of a hot record to what will be written.
    private func write(
        _ record: UnsafeMutableRawPointer, _ key: UInt64, _ meta: RowMeta, _ precision: Precision,
        _ epoch: UInt32, _ scratch: UnsafeMutablePointer<Float>, _ rows: inout ColdRows
    ) {
        let value = ColdValue(
            precision: precision, dimension: layout.dimension, stateCount: layout.stateCount)
        let stream = roundingStream(key, salt: ~pushes.load(ordering: .relaxed))
        rows.append(key, byteCount: value.byteCount) {
            value.write(
                record, layout: layout, meta: meta, epoch: epoch, stream: stream, scratch: scratch, into: $0)
        }
    }

    /// Removes staged rows that nobody used meanwhile; the others stay, and differ from what was written of them.
    private func removeDemoted(_ keys: [[UInt64]]) -> Int {
        var removedInAll = 0
        for (number, shard) in shards.enumerated() where !keys[number].isEmpty {
            shard.lock.withLock {
                var removed = 0
                for key in keys[number] {
                    let hash = hash(key)
                    let position = shard.position(of: key, hash: hash)
                    precondition(position >= 0, "only a demotion or a delete removes rows, one at a time")
                    let meta = shard.meta(shard.record(position))
                    if !meta.pointee.has(RowMeta.coldCopy), !isReadOnly { countColdCopy(meta, in: shard) }
                    if meta.pointee.has(RowMeta.touched) || meta.pointee.pins > 0 {
                        meta.pointee.bits |= RowMeta.dirty
                        meta.pointee.bits &= ~RowMeta.exactCopy
                    } else {
                        shard.remove(at: position, key: key, hash: hash)
                        removed += 1
                    }
                }
                shard.statistics.demotions += removed
                removedInAll += removed
                shard.trim()
            }
        }
        return removedInAll
    }

    private func countColdCopy(_ meta: UnsafeMutablePointer<RowMeta>, in shard: Shard) {
        meta.pointee.bits |= RowMeta.coldCopy
        shard.rowsOnlyHere -= 1
        coldKeys.add(1, ordering: .releasing)
    }

    // MARK: flushing

    /// Rows that one step of `flush` copies out under one lock.
    private static let flushRowsMax = 8192

    /// Writes every row whose copy on disk is not as good as the row itself, in hot precision. The rows stay in memory.
    ///
    /// `coldWrites` is held by the caller.
    func flush() throws(StoreError) {
        for shard in shards {
            var start = 0
            var more = true
            while more {
                var written = ColdRows()
                more = shard.lock.withLock { stageFlush(shard, from: &start, &written) }
                if written.count > 0 {
                    try cold.write(written, table: table)
                    shard.lock.withLock { markFlushed(written.keys, in: shard) }
                }
            }
        }
    }

    private func stageFlush(_ shard: Shard, from start: inout Int, _ rows: inout ColdRows) -> Bool {
        let epoch = budget.epoch
        withScratch { scratch in
            while start < shard.count, rows.count < Self.flushRowsMax,
                rows.valueBytes < MemoryBudget.stagedBytesMax
            {
                let record = shard.record(start)
                let meta = shard.meta(record)
                if meta.pointee.has(RowMeta.dirty) || !meta.pointee.has(RowMeta.coldCopy) {
                    let key = record.loadUnaligned(as: UInt64.self)
                    write(record, key, meta.pointee, layout.precision, epoch, scratch, &rows)
                    // Set again by whoever uses the row from here on.
                    meta.pointee.bits &= ~RowMeta.touched
                }
                start += 1
            }
        }
        return start < shard.count
    }

    private func markFlushed(_ keys: [UInt64], in shard: Shard) {
        for key in keys {
            let position = shard.position(of: key, hash: hash(key))
            precondition(position >= 0, "a flush and a removal ran at the same time")
            let meta = shard.meta(shard.record(position))
            if !meta.pointee.has(RowMeta.coldCopy) { countColdCopy(meta, in: shard) }
            meta.pointee.bits |= RowMeta.exactCopy
            if !meta.pointee.has(RowMeta.touched) { meta.pointee.bits &= ~RowMeta.dirty }
        }
    }
}
