import CKernels
internal import NIOConcurrencyHelpers
import Synchronization

extension RowStore {
    /// What a write does to a row that it finds: an optimizer's step, or another row in its place.
    enum Change: Sendable {
        case step
        case assign
    }

    /// Applies `rows` if every row is in memory, or can be created without asking the disk, and the
    /// log has room for them; else changes nothing and returns nil. Never blocks on I/O. Throws
    /// `tooLarge` for more rows than could be loaded if they were on disk, wherever they are.
    func writeHot(_ rows: borrowing UniqueRows, _ change: Change) throws(StoreError) -> Commit? {
        let bytes = rows.count * layout.stride
        try pinned.check(bytes)
        var pass: WriteAheadLog.Pass?
        if let log {
            pass = try log.enter(reserving: loggedBytesMax(rows.count))
            if pass == nil { return nil }
        }
        guard writePinning(rows, change, bytes, pass?.entry) else {
            _ = leave(pass)
            return nil
        }
        return leave(pass)
    }

    /// Pins and changes rows that are all in memory; else does nothing and returns false.
    private func writePinning(
        _ rows: borrowing UniqueRows, _ change: Change, _ bytes: Int, _ entry: LogEntry?
    ) -> Bool {
        // All of the unknown ids are created or none, so that a write which is refused has made no
        // row: there must be room for as many as there may be.
        // And where a row may turn out to be gone only after others were created, none is.
        let mayCreate = lifetime == nil && budget.usedBytes + bytes < budget.highBytes
        return unsafe rows.withKeys { keys in
            unsafe budget.countUses(keys.count)
            let batch = unsafe batch(keys)
            return unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: keys.count) {
                positions in
                guard unsafe pinHot(batch, positions.baseAddress, mayCreate: mayCreate) else {
                    return false
                }
                unsafe apply(rows, change, batch, positions.baseAddress, entry)
                return true
            }
        }
    }

    /// Applies `rows`, loading what is not in memory first: all of them or, on error, none. Blocks
    /// on I/O.
    func writeCold(_ rows: borrowing UniqueRows, _ change: Change) throws(StoreError) -> Commit {
        let bytes = rows.count * layout.stride
        try pinned.take(bytes, timeoutSeconds: Self.roomTimeoutSeconds)
        defer { pinned.give(bytes) }
        let loaded = try unsafe load(rows.keys, create: true, pin: true) { _, _ in }
        let pass: WriteAheadLog.Pass?
        do throws(StoreError) {
            pass = try log?.enterWhenRoom(
                reserving: loggedBytesMax(rows.count), timeoutSeconds: Self.roomTimeoutSeconds)
        } catch {
            undo(loaded)
            throw error
        }
        unsafe rows.withKeys { keys in
            let batch = unsafe batch(keys)
            unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: keys.count) {
                positions in
                unsafe positions.initialize(repeating: -1)
                unsafe apply(rows, change, batch, positions.baseAddress, pass?.entry)
            }
        }
        return leave(pass)
    }

    private func loggedBytesMax(_ rows: Int) -> Int {
        LogEntry.byteCountMax(
            records: rows, recordBytes: layout.stride, sections: min(rows, shards.count))
    }

    /// Pins every row of the batch and notes its position, or pins none and returns false.
    private func pinHot(
        _ batch: borrowing KeyBatch, _ positions: UnsafeMutablePointer<Int32>?, mayCreate: Bool
    ) -> Bool {
        guard let positions = unsafe positions else { return true }  // an empty batch
        return unsafe withScratch { scratch in
            for (number, shard) in shards.enumerated() {
                let places = batch.places(of: number)
                if places.isEmpty { continue }
                let missing = shard.lock.withLock {
                    unsafe pinHot(
                        batch, places, in: shard, positions, mayCreate: mayCreate, scratch: scratch)
                }
                if let missing {
                    unpin(batch, upTo: missing)
                    return false
                }
            }
            return true
        }
    }

    /// Returns the first place whose row is not in memory; those before it are pinned then.
    @inline(__always)
    private func pinHot(
        _ batch: borrowing KeyBatch, _ places: Range<Int>, in shard: Shard,
        _ positions: UnsafeMutablePointer<Int32>, mayCreate: Bool,
        scratch: UnsafeMutablePointer<Float>
    ) -> Int? {
        let now = now
        var start = places.lowerBound
        while start < places.upperBound {
            let end = min(start + Self.lookupCountMax, places.upperBound)
            // What follows the meta is used only when all rows are pinned.
            unsafe shard.find(batch, start..<end, wanted: 0..<0, positions + start)
            for place in start..<end {
                if unsafe positions[place] < 0 {
                    guard mayCreate, isColdEmpty, !shard.isFull else { return place }
                    _ = unsafe create(
                        batch.key(place), hash: batch.hash(place), in: shard, scratch: scratch)
                    unsafe positions[place] = Int32(truncatingIfNeeded: shard.count - 1)
                } else if unsafe isExpired(shard.record(Int(positions[place])), now: now) {
                    return place
                }
                let meta = unsafe shard.meta(shard.record(Int(positions[place])))
                unsafe precondition(meta.pointee.pins < 255, "more pushes than threads")
                unsafe meta.pointee.bits += RowMeta.pin
            }
            start = end
        }
        return nil
    }

    private func unpin(_ batch: borrowing KeyBatch, upTo end: Int) {
        unpin((0..<end).map { batch.key($0) }[...])
    }

    /// How many rows before its turn a record is asked for.
    private static let prefetchDistance = 8

    /// Changes rows that are all pinned, notes what they have become, and lets go of them.
    private func apply(
        _ rows: borrowing UniqueRows, _ change: Change, _ batch: borrowing KeyBatch,
        _ positions: UnsafeMutablePointer<Int32>?, _ entry: LogEntry?
    ) {
        guard let positions = unsafe positions else { return }  // an empty batch
        let push =
            switch change {
            case .step: pushes.add(1, ordering: .relaxed).newValue
            case .assign: pushes.load(ordering: .relaxed)
            }
        let stepSize = rule.stepSize(push: push)
        let epoch = budget.epoch
        let now = now
        entry?.begin(.changed, table: table, recordBytes: layout.stride)
        unsafe withScratch { scratch in
            lockEachShard(of: batch) { shard, places in
                var rounding = RoundingStatistics()
                defer { shard.statistics.rounding += rounding }
                if let log, let entry { entry.beginSection(ticket: log.ticket()) }
                for place in places {
                    let ahead = place + Self.prefetchDistance
                    if ahead < places.upperBound, unsafe positions[ahead] >= 0 {
                        unsafe Shard.prefetch(
                            shard.record(Int(positions[ahead])), 0..<layout.stride)
                        unsafe Shard.prefetch(
                            UnsafeRawPointer(rows.row(batch.member(ahead))),
                            0..<4 * layout.dimension)
                    }
                    let key = batch.key(place)
                    // A demotion may have moved the row within its slab since it was pinned.
                    var position = unsafe Int(positions[place])
                    if position < 0 || position >= shard.count || shard.key(at: position) != key {
                        position = shard.position(of: key, hash: batch.hash(place))
                    }
                    precondition(position >= 0, "a pinned row has left the hot tier")
                    let record = unsafe shard.record(position)
                    unsafe apply(
                        rows.row(batch.member(place)), change, to: record, key: key, push: push,
                        stepSize: stepSize, scratch: scratch, &rounding)
                    if layout.keepsLastUse { unsafe layout.setLastUse(record, now) }
                    let meta = unsafe shard.meta(record)
                    unsafe meta.pointee.touch(epoch: epoch)
                    unsafe meta.pointee.beBorn()
                    unsafe meta.pointee.bits =
                        unsafe (meta.pointee.bits | RowMeta.dirty) - RowMeta.pin
                    unsafe entry?.append(record: record)
                }
            }
        }
    }

    @inline(__always)
    private func apply(
        _ values: UnsafePointer<Float>, _ change: Change, to record: UnsafeMutableRawPointer,
        key: UInt64, push: Int, stepSize: Float, scratch: UnsafeMutablePointer<Float>,
        _ rounding: inout RoundingStatistics
    ) {
        switch change {
        case .step where layout.precision == .float32:
            let isRounded = layout.statePrecision != .float32
            unsafe step(
                layout.row(record).assumingMemoryBound(to: Float.self), record, values, stepSize,
                scratch, stream: isRounded ? roundingStream(key, salt: push) : 0)
        case .step:
            let stream = roundingStream(key, salt: push)
            let before = unsafe scratch + layout.dimension
            let stored = unsafe before + layout.dimension
            unsafe layout.decode(record, into: scratch)
            unsafe before.update(from: scratch, count: layout.dimension)
            unsafe step(scratch, record, values, stepSize, scratch, stream: stream)
            unsafe layout.encode(scratch, into: record, stream: stream)
            unsafe layout.decode(record, into: stored)
            unsafe rounding.countStep(
                from: before, to: scratch, stored: stored, count: layout.dimension,
                layout.precision)
        case .assign:
            unsafe layout.encode(values, into: record, stream: roundingStream(key, salt: push))
            unsafe rule.initialize(layout.state(record))
            if layout.precision != .float32 {
                unsafe rounding.countWrite(values, count: layout.dimension, layout.precision)
            }
        }
    }

    @inline(__always)
    private func step(
        _ row: UnsafeMutablePointer<Float>, _ record: UnsafeMutableRawPointer,
        _ gradient: UnsafePointer<Float>, _ stepSize: Float,
        _ scratch: UnsafeMutablePointer<Float>, stream: UInt64
    ) {
        unsafe rule.step(
            row: row, state: layout.state(record), gradient: gradient, count: layout.dimension,
            stepSize: stepSize, scratch: scratch + 3 * layout.dimension,
            // Not the one that the row itself is rounded by.
            stream: ~stream)
    }
}
