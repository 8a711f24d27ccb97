internal import NIOConcurrencyHelpers
import Synchronization

extension RowStore {
    /// What a write does to a row that it finds: an optimizer's step, or another row in its place.
    enum Change: Sendable {
        case step
        case assign
    }

    /// Applies `rows` if every row is in memory, or can be created without asking the disk; else changes
    /// nothing and returns false. Never blocks.
    func writeHot(_ rows: borrowing UniqueRows, _ change: Change) -> Bool {
        rows.withKeys { keys in
            budget.countUses(keys.count)
            let batch = batch(keys)
            return withUnsafeTemporaryAllocation(of: Int32.self, capacity: keys.count) { positions in
                guard pinHot(batch, positions.baseAddress) else { return false }
                apply(rows, change, batch, positions.baseAddress)
                return true
            }
        }
    }

    /// Applies `rows`, loading what is not in memory first: all of them or, on error, none. Blocks on I/O.
    func writeCold(_ rows: borrowing UniqueRows, _ change: Change) throws(StoreError) {
        let bytes = rows.count * layout.stride
        try pinned.take(bytes, timeoutSeconds: Self.roomTimeoutSeconds)
        defer { pinned.give(bytes) }
        try load(rows.keys, create: true, pin: true) { _, _ in }
        rows.withKeys { keys in
            let batch = batch(keys)
            withUnsafeTemporaryAllocation(of: Int32.self, capacity: keys.count) { positions in
                positions.initialize(repeating: -1)
                apply(rows, change, batch, positions.baseAddress)
            }
        }
    }

    /// Pins every row of the batch and notes its position, or pins none and returns false.
    private func pinHot(
        _ batch: borrowing KeyBatch, _ positions: UnsafeMutablePointer<Int32>?
    ) -> Bool {
        guard let positions else { return true }  // an empty batch
        // For all of them: rows that were made here before it turned out that the rest must wait would outlive its failure.
        let hasRoom = budget.usedBytes + batch.count * layout.stride < budget.highBytes
        return withScratch { scratch in
            for (number, shard) in shards.enumerated() {
                let places = batch.places(of: number)
                if places.isEmpty { continue }
                let missing = shard.lock.withLock {
                    pinHot(batch, places, in: shard, positions, hasRoom: hasRoom, scratch: scratch)
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
        _ positions: UnsafeMutablePointer<Int32>, hasRoom: Bool, scratch: UnsafeMutablePointer<Float>
    ) -> Int? {
        var start = places.lowerBound
        while start < places.upperBound {
            let end = min(start + Self.lookupCountMax, places.upperBound)
            shard.find(batch, start..<end, positions + start)
            for place in start..<end {
                if positions[place] < 0 {
                    guard isColdEmpty, hasRoom, !shard.isFull else { return place }
                    _ = create(batch.key(place), hash: batch.hash(place), in: shard, scratch: scratch)
                    positions[place] = Int32(truncatingIfNeeded: shard.count - 1)
                }
                let meta = shard.meta(shard.record(Int(positions[place])))
                precondition(meta.pointee.pins < 255, "more pushes than threads")
                meta.pointee.bits += RowMeta.pin
            }
            start = end
        }
        return nil
    }

    private func unpin(_ batch: borrowing KeyBatch, upTo end: Int) {
        unpin((0..<end).map { batch.key($0) }[...])
    }

    /// Changes rows that are all pinned, and lets go of them.
    private func apply(
        _ rows: borrowing UniqueRows, _ change: Change, _ batch: borrowing KeyBatch,
        _ positions: UnsafeMutablePointer<Int32>?
    ) {
        guard let positions else { return }  // an empty batch
        let push =
            switch change {
            case .step: pushes.add(1, ordering: .relaxed).newValue
            case .assign: pushes.load(ordering: .relaxed)
            }
        let stepSize = rule.stepSize(push: push)
        let epoch = budget.epoch
        withScratch { scratch in
            for (number, shard) in shards.enumerated() {
                let places = batch.places(of: number)
                if places.isEmpty { continue }
                shard.lock.withLock {
                    for place in places {
                        let key = batch.key(place)
                        // A demotion may have moved the row within its slab since it was pinned.
                        var position = Int(positions[place])
                        if position < 0 || position >= shard.count || shard.key(at: position) != key {
                            position = shard.position(of: key, hash: batch.hash(place))
                        }
                        precondition(position >= 0, "a pinned row has left the hot tier")
                        let record = shard.record(position)
                        apply(
                            rows.row(batch.member(place)), change, to: record, key: key, push: push,
                            stepSize: stepSize, scratch: scratch)
                        let meta = shard.meta(record)
                        meta.pointee.touch(epoch: epoch)
                        meta.pointee.bits = (meta.pointee.bits | RowMeta.dirty) - RowMeta.pin
                    }
                }
            }
        }
    }

    @inline(__always)
    private func apply(
        _ values: UnsafePointer<Float>, _ change: Change, to record: UnsafeMutableRawPointer,
        key: UInt64, push: Int, stepSize: Float, scratch: UnsafeMutablePointer<Float>
    ) {
        switch change {
        case .step where layout.precision == .float32:
            rule.step(
                row: layout.row(record).assumingMemoryBound(to: Float.self), state: layout.state(record),
                gradient: values, count: layout.dimension, stepSize: stepSize)
        case .step:
            layout.decode(record, into: scratch)
            rule.step(
                row: scratch, state: layout.state(record), gradient: values, count: layout.dimension,
                stepSize: stepSize)
            layout.encode(scratch, into: record, stream: roundingStream(key, salt: push))
        case .assign:
            layout.encode(values, into: record, stream: roundingStream(key, salt: push))
            rule.initialize(layout.state(record), count: layout.stateCount)
        }
    }
}
