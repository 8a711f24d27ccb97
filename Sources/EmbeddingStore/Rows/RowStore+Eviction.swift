internal import NIOConcurrencyHelpers
import Synchronization

extension RowStore {
    /// Rows that an eviction looks at, or removes, before others have their turn.
    private static let evictionSliceRows = 1024

    /// Removes the rows that are used less often than `frequencyMin`, or were last used more than
    /// `ageMax` seconds ago, or have expired, from both tiers; returns how many there were, once the
    /// log has it. Rows that a push has pinned stay. Blocks, but nobody else for long; ends early
    /// when `goOn` says no.
    ///
    /// Rows go while nobody is inside `gate`, who may have seen them and go by that.
    func shrink(
        frequencyMin: Int = 0, ageMax: UInt32? = nil, gate: AdmissionGate? = nil,
        while goOn: () -> Bool = { true }
    ) throws(StoreError) -> Int {
        let limits = [ageMax, lifetime?.seconds].compactMap { $0 }
        var eviction = Eviction(
            rule: EvictionRule(
                frequencyMin: frequencyMin, ageMax: limits.min(), now: now, epoch: budget.epoch),
            gate: gate)
        if frequencyMin > 0 || !limits.isEmpty {
            try evictHot(&eviction, while: goOn)
            try evictCold(&eviction, while: goOn)
        }
        try eviction.commit.wait()
        return eviction.count
    }

    /// Removes those of the keys' rows that had expired at `now`, as `shrink` does.
    func evict(_ keys: [UInt64], expiredBy now: UInt32) throws(StoreError) {
        var eviction = Eviction(
            rule: EvictionRule(ageMax: lifetime?.seconds, now: now, epoch: budget.epoch))
        for start in stride(from: 0, to: keys.count, by: Self.evictionSliceRows) {
            try evict(Array(keys[start...].prefix(Self.evictionSliceRows)), &eviction)
        }
    }

    /// Rows that ids share because they have none of their own are not rare, whatever their counts
    /// say; their keys come after this one. To be asked once for many rows.
    private var lastEvictable: UInt64 {
        guard schema.scheme.admits, let firstShared = schema.firstSharedKey else { return .max }
        return firstShared - 1
    }

    private struct Eviction {
        let rule: EvictionRule
        var gate: AdmissionGate?
        var count = 0
        var commit = Commit.done
    }

    /// Goes through what is in memory, backwards: a row that a removal moves goes to where this has
    /// been.
    private func evictHot(_ eviction: inout Eviction, while goOn: () -> Bool) throws(StoreError) {
        let lastEvictable = lastEvictable
        for shard in shards {
            var end = Int.max
            while end > 0, goOn() {
                let keys = shard.lock.withLock { () -> [UInt64] in
                    end = min(end, shard.count)
                    let start = max(0, end - Self.evictionSliceRows)
                    defer { end = start }
                    return (start..<end).filter {
                        unsafe shard.key(at: $0) <= lastEvictable
                            && applies(eviction.rule, to: shard.record($0))
                    }.map { shard.key(at: $0) }
                }
                if !keys.isEmpty { try evict(keys, &eviction) }
            }
        }
    }

    /// Goes through what is on disk. Of a row that is in memory too, that one counts.
    private func evictCold(_ eviction: inout Eviction, while goOn: () -> Bool) throws(StoreError) {
        if isColdEmpty { return }
        var keys: [UInt64] = []
        let rule = eviction.rule
        let lastEvictable = lastEvictable
        var evicting = eviction
        try unsafe cold.scan(table: table) { (key, value) throws(StoreError) in
            if key > lastEvictable { return false }
            if try unsafe applies(rule, to: value, key) { keys.append(key) }
            if keys.count == Self.evictionSliceRows {
                try evict(keys, &evicting)
                keys = []
            }
            return goOn()
        }
        try evict(keys, &evicting)
        eviction = evicting
    }

    /// The shard's lock is held.
    private func applies(_ rule: EvictionRule, to record: UnsafeMutableRawPointer) -> Bool {
        let meta = unsafe RowLayout.meta(record).pointee
        return unsafe meta.pins == 0
            && rule.applies(
                frequency: meta.frequency(at: rule.epoch),
                lastUse: layout.keepsLastUse ? layout.lastUse(record) : 0)
    }

    private func applies(
        _ rule: EvictionRule, to value: UnsafeRawBufferPointer, _ key: UInt64
    ) throws(StoreError) -> Bool {
        let (parsed, frequency, epoch) = unsafe try ColdValue.parse(
            value, layout: layout, key: key, table: table)
        return unsafe rule.applies(
            frequency: RowMeta.frequency(frequency, of: epoch, at: rule.epoch),
            lastUse: parsed.lastUse(value))
    }

    // MARK: one slice

    /// Removes those of the keys' rows that the rule still applies to.
    private func evict(_ keys: [UInt64], _ eviction: inout Eviction) throws(StoreError) {
        while true {
            let isDone: Bool
            if let gate = eviction.gate {
                isDone = try gate.alone { () throws(StoreError) in
                    try evictIfRoom(keys, &eviction)
                }
            } else {
                isDone = try evictIfRoom(keys, &eviction)
            }
            if isDone { return }
            // The log is full, and is not cut while `coldWrites` is held.
            let pass = try log?.enterWhenRoom(
                reserving: deletionBytesMax(keys.count), timeoutSeconds: Self.roomTimeoutSeconds)
            _ = leave(pass)
        }
    }

    /// Returns false when the log has no room to note it.
    ///
    /// A row is chosen, noted in the log and removed from memory at one instant, under its shard's
    /// lock; from there on a crash finishes what this has begun. Then its copy on disk goes.
    /// Somebody who reads that copy in between has used the row, and it stays.
    private func evictIfRoom(
        _ keys: [UInt64], _ eviction: inout Eviction
    ) throws(StoreError) -> Bool {
        defer { trim() }
        coldWrites.lock()
        defer { coldWrites.unlock() }
        // Dropped meanwhile, it has no rows.
        guard cold.tables.contains(table) else { return true }
        let copies = try copies(of: keys, eviction.rule)
        let pass = try log?.enter(reserving: deletionBytesMax(keys.count))
        if log != nil, pass == nil { return false }
        beginDeletion(pass?.entry)
        var tombstones = ColdRows()
        var removed = 0
        for (key, copy) in zip(keys, copies) {
            guard evict(key, copy, eviction.rule, pass) else { continue }
            removed += 1
            if copy != .none { unsafe tombstones.append(key, nil) }
        }
        eviction.commit = leave(pass)
        rowCount.subtract(removed, ordering: .relaxed)
        eviction.count += removed
        if tombstones.count == 0 { return true }
        do throws(StoreError) {
            try log?.settle()
            try writeCold(tombstones, newKeys: -tombstones.count)
        } catch {
            // They are still there, as they were when they were last written; a restart removes them.
            rowCount.add(tombstones.count, ordering: .relaxed)
            throw error
        }
        coldKeys.subtract(tombstones.count, ordering: .releasing)
        let kept = keepPromoted(tombstones.keys)
        rowCount.add(kept.count, ordering: .relaxed)
        eviction.count -= kept.count
        noteAgain(kept)
        return true
    }

    private enum Copy { case none, stays, goes }

    /// What is on disk of each key. `coldWrites` is held, so it stays so.
    private func copies(of keys: [UInt64], _ rule: EvictionRule) throws(StoreError) -> [Copy] {
        if isColdEmpty { return Array(repeating: .none, count: keys.count) }
        let values = try cold.read(keys, table: table)
        var copies: [Copy] = []
        for (at, key) in keys.enumerated() {
            let copy = try unsafe values.withValue(at: at) { (value) throws(StoreError) -> Copy in
                guard let value = unsafe value else { return .none }
                return try unsafe applies(rule, to: value, key) ? .goes : .stays
            }
            copies.append(copy)
        }
        return copies
    }

    private func evict(
        _ key: UInt64, _ copy: Copy, _ rule: EvictionRule, _ pass: WriteAheadLog.Pass?
    ) -> Bool {
        let hash = hash(key)
        let shard = shard(of: hash)
        return shard.lock.withLock {
            let position = shard.position(of: key, hash: hash)
            if position >= 0 {
                guard unsafe applies(rule, to: shard.record(position)) else { return false }
                shard.remove(at: position, key: key, hash: hash)
            } else {
                guard copy == .goes else { return false }
                shard.invalidate(hash: hash)
            }
            note(key, pass)
            shard.statistics.evictions += 1
            return true
        }
    }

    /// Rows that were promoted while their copies on disk were being removed: now they have none.
    private func keepPromoted(_ keys: [UInt64]) -> [UInt64] {
        keys.filter { key in
            let hash = hash(key)
            let shard = shard(of: hash)
            return shard.lock.withLock {
                // Whoever has read the copy and not yet made a row of it must look again.
                shard.invalidate(hash: hash)
                let position = shard.position(of: key, hash: hash)
                guard position >= 0 else { return false }
                let meta = unsafe shard.meta(shard.record(position))
                guard unsafe meta.pointee.has(RowMeta.coldCopy) else { return false }
                unsafe meta.pointee.bits &= ~(RowMeta.coldCopy | RowMeta.exactCopy)
                unsafe meta.pointee.bits |= RowMeta.dirty
                shard.statistics.evictions -= 1
                return true
            }
        }
    }

    /// Writes rows that the log has for deleted to it as they are. Without room a crash takes them,
    /// which nobody has written to since.
    private func noteAgain(_ keys: [UInt64]) {
        guard let log, !keys.isEmpty,
            let pass = try? log.enter(
                reserving: LogEntry.byteCountMax(
                    records: keys.count, recordBytes: layout.stride, sections: keys.count))
        else { return }
        pass.entry?.begin(.changed, table: table, recordBytes: layout.stride)
        for key in keys {
            let hash = hash(key)
            let shard = shard(of: hash)
            shard.lock.withLock {
                let position = shard.position(of: key, hash: hash)
                guard position >= 0, let entry = pass.entry else { return }
                entry.beginSection(ticket: log.ticket())
                unsafe entry.append(record: shard.record(position))
            }
        }
        _ = leave(pass)
    }
}
