internal import NIOConcurrencyHelpers
import Synchronization

extension RowStore {
    /// Rows of a shard that are looked at to estimate how its frequencies are distributed.
    private static let sampleRows = 512

    /// Adds this table's rows to the histogram: a sample over the whole of each shard, each row of
    /// it for those between. Rows that are pinned or held cannot leave and are not counted.
    func sampleFrequencies(into histogram: inout FrequencyHistogram) {
        let epoch = budget.epoch
        for shard in shards {
            shard.lock.withLock {
                let step = max(1, shard.count / Self.sampleRows)
                for position in stride(from: 0, to: shard.count, by: step) {
                    let meta = unsafe shard.meta(shard.record(position)).pointee
                    if meta.pins > 0 || isHeld(shard.key(at: position), in: shard) { continue }
                    histogram.add(
                        frequency: meta.frequency(at: epoch), bytes: Double(step * layout.stride))
                }
            }
        }
    }

    /// Writes the halvings of all frequencies down.
    func bringFrequenciesUpToDate() {
        for shard in shards {
            var position = 0
            var end = 1
            while position < end {
                shard.lock.withLock {
                    end = shard.count
                    for _ in 0..<min(Self.sliceRows, max(0, end - position)) {
                        unsafe shard.meta(shard.record(position)).pointee
                            .bringUpToDate(epoch: budget.epoch)
                        position += 1
                    }
                }
            }
        }
    }

    /// Moves rows below the threshold to disk, at most `bytesMax` of them, and returns the bytes of
    /// the rows that left.
    ///
    /// Rows are copied out under their shard's lock, written without it, and removed only when they
    /// are on disk and nobody has used them meanwhile: so a row is always in one tier at least, and
    /// a row in use stays. `exactly` writes them in hot precision, as a flush does.
    func demote(
        below threshold: FrequencyHistogram.Threshold, bytesMax: Int, exactly: Bool = false
    ) throws(StoreError) -> Int {
        coldWrites.lock()
        defer { coldWrites.unlock() }
        // The table may have been dropped since the demoter looked: then there is nowhere to go,
        // which is no failure.
        guard cold.tables.contains(table) else { return 0 }
        // What leaves is noted; a log that is full will be cut, for which nothing has to leave.
        if let log, try !log.hasRoom(for: removalBytesMax) { return 0 }
        let staged = stage(
            below: threshold, rowsMax: max(shards.count, bytesMax / layout.stride),
            exactly ? layout.precision : schema.coldRowPrecision)
        do throws(StoreError) {
            if staged.written.count > 0 {
                try log?.settle()
                try writeCold(staged.written, newKeys: staged.newKeys)
            }
        } catch {
            // What the disk has as it is can leave all the same, and makes room for reads.
            let unwritten = Set(staged.written.keys)
            _ = try removeDemoted(staged.keys.map { $0.filter { !unwritten.contains($0) } })
            throw error
        }
        return try removeDemoted(staged.keys) * layout.stride
    }

    private struct Staged {
        /// All rows that are to leave, by shard.
        var keys: [[UInt64]]
        /// Those of them that the disk does not have, or has differently.
        var written = ColdRows()
        /// Those of which the disk has nothing.
        var newKeys = 0
    }

    /// Rows that a demotion looks at, or removes, before it lets requests have the shard again.
    private static let sliceRows = 4096
    private static let removedSliceRows = 512

    private func stage(
        below threshold: FrequencyHistogram.Threshold, rowsMax: Int, _ precision: Precision
    ) -> Staged {
        var staged = Staged(keys: Array(repeating: [], count: shards.count))
        let rowsPerShard = (rowsMax + shards.count - 1) / shards.count
        unsafe withScratch { scratch in
            for (number, shard) in shards.enumerated() {
                // Takes `share` of the rows at the threshold, evenly along the sweep.
                var owed = 0.0
                var left = shard.lock.withLock { shard.count }
                while left > 0, staged.keys[number].count < rowsPerShard {
                    shard.lock.withLock {
                        unsafe shard.sweep(limit: min(left, Self.sliceRows)) { record in
                            let meta = unsafe shard.meta(record)
                            unsafe meta.pointee.bringUpToDate(epoch: budget.epoch)
                            let key = unsafe record.loadUnaligned(as: UInt64.self)
                            if unsafe leaves(
                                meta.pointee, below: threshold, &owed, isHeld(key, in: shard))
                            {
                                unsafe stage(record, meta, number, precision, &staged, scratch)
                            }
                            return staged.keys[number].count < rowsPerShard
                        }
                    }
                    left -= Self.sliceRows
                }
            }
        }
        return staged
    }

    @inline(__always)
    private func isHeld(_ key: UInt64, in shard: Shard) -> Bool {
        !shard.holds.isEmpty && shard.holds.contains(key, hash: hash(key))
    }

    private func leaves(
        _ meta: RowMeta, below threshold: FrequencyHistogram.Threshold, _ owed: inout Double,
        _ isHeld: @autoclosure () -> Bool
    ) -> Bool {
        let bucket = FrequencyHistogram.bucket(of: meta.frequency(at: budget.epoch))
        if meta.pins > 0 || bucket > threshold.bucket || isHeld() { return false }
        if bucket < threshold.bucket { return true }
        owed += threshold.share
        if owed < 1 { return false }
        owed -= 1
        return true
    }

    /// Notes a row that is to leave, and copies it out if it must be written.
    private func stage(
        _ record: UnsafeMutableRawPointer, _ meta: UnsafeMutablePointer<RowMeta>, _ shard: Int,
        _ precision: Precision, _ staged: inout Staged, _ scratch: UnsafeMutablePointer<Float>
    ) {
        let key = unsafe record.loadUnaligned(as: UInt64.self)
        unsafe meta.pointee.bits &= ~RowMeta.touched
        staged.keys[shard].append(key)
        if !isReadOnly, unsafe mustWrite(meta.pointee, precision) {
            shards[shard].statistics.rounding += unsafe write(
                record, key, meta.pointee, precision, budget.epoch, scratch, &staged.written)
            if unsafe !meta.pointee.has(RowMeta.coldCopy) { staged.newKeys += 1 }
        }
    }

    /// Whether a row that leaves the hot tier is on disk not at all, differently, or in a precision
    /// that only hot rows are owed.
    private func mustWrite(_ meta: RowMeta, _ precision: Precision) -> Bool {
        meta.has(RowMeta.dirty) || !meta.has(RowMeta.coldCopy)
            || (meta.has(RowMeta.exactCopy) && precision != layout.precision)
    }

    /// Adds the value of a hot record to what will be written; returns what rounding it has cost.
    private func write(
        _ record: UnsafeMutableRawPointer, _ key: UInt64, _ meta: RowMeta, _ precision: Precision,
        _ epoch: UInt32, _ scratch: UnsafeMutablePointer<Float>, _ rows: inout ColdRows
    ) -> RoundingStatistics {
        let value = ColdValue(precision: precision, layout: layout)
        var rounding = RoundingStatistics()
        let stream = roundingStream(key, salt: ~pushes.load(ordering: .relaxed))
        unsafe rows.append(key, byteCount: value.byteCount) {
            rounding = unsafe value.write(
                record, layout: layout, meta: meta, epoch: epoch, stream: stream, scratch: scratch,
                into: $0)
        }
        return rounding
    }

    /// Removes staged rows that nobody used meanwhile; the others stay, and differ from what was
    /// written of them.
    private func removeDemoted(_ keys: [[UInt64]]) throws(StoreError) -> Int {
        var removed = 0
        for (number, shard) in shards.enumerated() where !keys[number].isEmpty {
            for start in stride(from: 0, to: keys[number].count, by: Self.removedSliceRows) {
                let slice = keys[number][start...].prefix(Self.removedSliceRows)
                removed += try removeDemoted(slice, in: shard)
            }
        }
        // Of shards that nothing left too: a delete may have made room in them.
        trim()
        return removed
    }

    /// Bytes that noting the removal of a slice takes.
    private var removalBytesMax: Int {
        LogEntry.byteCountMax(records: Self.removedSliceRows, recordBytes: 8, sections: 1)
    }

    private func removeDemoted(_ slice: ArraySlice<UInt64>, in shard: Shard) throws(StoreError)
        -> Int
    {
        var pass: WriteAheadLog.Pass?
        var mayLeave = true
        if let log {
            pass = try log.enter(reserving: removalBytesMax)
            // Without a note they stay: they are on disk, but not as they are.
            mayLeave = pass != nil
        }
        defer { _ = leave(pass) }
        return shard.lock.withLock {
            let entry = pass?.entry
            entry?.begin(.demoted, table: table, recordBytes: 8)
            if let log, let entry { entry.beginSection(ticket: log.ticket()) }
            let count = slice.count { key in
                let leaves = removeDemoted(key, in: shard, mayLeave: mayLeave)
                if leaves { entry?.append(key: key) }
                return leaves
            }
            shard.statistics.demotions += count
            return count
        }
    }

    /// Gives back memory that rows which have left do not need any more.
    func trim() {
        for shard in shards { shard.lock.withLock { shard.trim() } }
    }

    private func removeDemoted(_ key: UInt64, in shard: Shard, mayLeave: Bool) -> Bool {
        let hash = hash(key)
        let position = shard.position(of: key, hash: hash)
        precondition(position >= 0, "only a demotion or a delete removes rows, one at a time")
        let meta = unsafe shard.meta(shard.record(position))
        if unsafe !meta.pointee.has(RowMeta.coldCopy), !isReadOnly {
            unsafe countColdCopy(meta)
        }
        if unsafe !mayLeave || meta.pointee.has(RowMeta.touched) || meta.pointee.pins > 0
            || isHeld(key, in: shard)
        {
            unsafe meta.pointee.bits |= RowMeta.dirty
            unsafe meta.pointee.bits &= ~RowMeta.exactCopy
            return false
        }
        let epoch = budget.epoch
        shard.removeDemoted(
            at: position, key: key, hash: hash,
            frequency: unsafe meta.pointee.frequency(at: epoch), epoch: epoch)
        return true
    }

    private func countColdCopy(_ meta: UnsafeMutablePointer<RowMeta>) {
        unsafe meta.pointee.bits |= RowMeta.coldCopy
        coldKeys.add(1, ordering: .releasing)
    }

    // MARK: flushing

    /// Rows that `flush` looks at under one lock.
    private static let flushSliceRows = 4096

    /// Writes every row whose copy on disk is not as good as the row itself, in hot precision. The
    /// rows stay in memory. Every row is written as it is after the call began or later.
    ///
    /// Other writers of the cold tier have their turns in between. `coldWrites` is not held by the
    /// caller.
    func flush() throws(StoreError) {
        var shard = 0
        // Backwards: a row that a removal moves goes forwards, to where this has not been yet, or
        // stays behind it; none is left out.
        var end = Int.max
        while shard < shards.count {
            coldWrites.lock()
            defer { coldWrites.unlock() }
            guard cold.tables.contains(table) else { return }  // dropped meanwhile
            // Rows of many shards together, since sorted files that overlap less are merged less.
            var written = ColdRows()
            var newKeys = 0
            while shard < shards.count, written.valueBytes < MemoryBudget.stagedBytesMax {
                let isDone = shards[shard].lock.withLock {
                    stageFlush(shards[shard], downFrom: &end, &written, &newKeys)
                }
                if isDone {
                    shard += 1
                    end = .max
                }
            }
            if written.count > 0 {
                try log?.settle()
                try writeCold(written, newKeys: newKeys)
                markFlushed(written.keys)
            }
        }
    }

    /// Returns whether the shard is done.
    private func stageFlush(
        _ shard: Shard, downFrom end: inout Int, _ rows: inout ColdRows, _ newKeys: inout Int
    ) -> Bool {
        let epoch = budget.epoch
        end = min(end, shard.count)
        let start = max(0, end - Self.flushSliceRows)
        unsafe withScratch { scratch in
            while end > start {
                end -= 1
                let record = unsafe shard.record(end)
                let meta = unsafe shard.meta(record)
                if unsafe isAheadOfDisk(meta.pointee) {
                    if unsafe !meta.pointee.has(RowMeta.coldCopy) { newKeys += 1 }
                    let key = unsafe record.loadUnaligned(as: UInt64.self)
                    // As it is: nothing is lost.
                    _ = unsafe write(
                        record, key, meta.pointee, layout.precision, epoch, scratch, &rows)
                    // Set again by whoever uses the row from here on.
                    unsafe meta.pointee.bits &= ~RowMeta.touched
                }
            }
        }
        return end == 0
    }

    /// Whether what a hot row is, in the log or on its way there, is not on disk.
    private func isAheadOfDisk(_ meta: RowMeta) -> Bool {
        !meta.isUnborn && (meta.has(RowMeta.dirty) || !meta.has(RowMeta.coldCopy))
    }

    // MARK: noting again

    /// Bytes of the rows in memory that the disk does not have as they are, about: from a sample
    /// over the whole of each shard.
    var aheadBytes: Int {
        shards.reduce(0) { sum, shard in
            shard.lock.withLock {
                let step = max(1, shard.count / Self.sampleRows)
                let ahead = stride(from: 0, to: shard.count, by: step).count {
                    unsafe isAheadOfDisk(shard.meta(shard.record($0)).pointee)
                }
                return sum + ahead * step * layout.stride
            }
        }
    }

    /// Bytes that are noted under one lock.
    private static let noteBytes = 256 << 10

    /// Notes every row that the disk does not have as it is in the log once more, as it is after the
    /// call began or later: so what the log said before the call is not needed. Blocks.
    ///
    /// Throws `overloaded` when the log has no room.
    func noteAgain(in log: WriteAheadLog) throws(StoreError) {
        let sliceRows = max(1, Self.noteBytes / layout.stride)
        let bytes = LogEntry.byteCountMax(
            records: sliceRows, recordBytes: layout.stride, sections: 1)
        for shard in shards {
            // Backwards, for the same reason as a flush.
            var end = Int.max
            while end > 0 {
                let pass = try log.enterWhenRoom(
                    reserving: bytes, timeoutSeconds: Self.noteTimeoutSeconds)
                pass.entry?.begin(.changed, table: table, recordBytes: layout.stride)
                shard.lock.withLock {
                    pass.entry?.beginSection(ticket: log.ticket())
                    end = min(end, shard.count)
                    let start = max(0, end - sliceRows)
                    while end > start {
                        end -= 1
                        let record = unsafe shard.record(end)
                        if unsafe isAheadOfDisk(shard.meta(record).pointee) {
                            unsafe pass.entry?.append(record: record)
                        }
                    }
                }
                _ = leave(pass)
            }
        }
    }

    /// How long a full log is waited for: not long, since the way to make it shorter is another then.
    private static let noteTimeoutSeconds = 0.5

    private func markFlushed(_ keys: [UInt64]) {
        for key in keys {
            let hash = hash(key)
            let shard = shard(of: hash)
            shard.lock.withLock {
                let position = shard.position(of: key, hash: hash)
                precondition(position >= 0, "a flush and a removal ran at the same time")
                let meta = unsafe shard.meta(shard.record(position))
                if unsafe !meta.pointee.has(RowMeta.coldCopy) { unsafe countColdCopy(meta) }
                unsafe meta.pointee.bits |= RowMeta.exactCopy
                if unsafe !meta.pointee.has(RowMeta.touched) {
                    unsafe meta.pointee.bits &= ~RowMeta.dirty
                }
            }
        }
    }
}
