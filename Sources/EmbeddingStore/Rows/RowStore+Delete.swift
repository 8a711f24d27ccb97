internal import Foundation
internal import NIOConcurrencyHelpers
import Synchronization

extension RowStore {
    /// Deletes rows from both tiers and returns how many there were. Blocks on I/O.
    ///
    /// `keys` are distinct. The log comes first, since what is gone from disk cannot be brought back:
    /// once it knows what shall go, all of it does. Then comes the disk: a reader that saw the old
    /// value there finds, when it wants to insert it, that the key has been removed since. A row that
    /// a push has pinned is deleted after that push.
    func delete(_ keys: [UInt64]) throws(StoreError) -> (count: Int, Commit) {
        if keys.isEmpty { return (0, .done) }
        defer { trim() }
        // What can be known to fail, fails before the log says that it will be done.
        if !isColdEmpty { _ = try cold.read(keys, table: table) }
        try noteIntent(keys)
        let deadline = ContinuousClock.now + .seconds(Self.roomTimeoutSeconds)
        var deleted = 0
        var wanted = keys
        while true {
            let (count, pinned, commit) = try deleteUnpinned(wanted)
            deleted += count
            if pinned.isEmpty { return (deleted, commit) }
            guard ContinuousClock.now < deadline else { throw .noRoom }
            wanted = pinned
            Thread.sleep(forTimeInterval: 0.0002)
        }
    }

    private func noteIntent(_ keys: [UInt64]) throws(StoreError) {
        guard let log else { return }
        let pass = try log.enterWhenRoom(
            reserving: deletionBytesMax(keys.count), timeoutSeconds: Self.roomTimeoutSeconds)
        beginDeletion(pass.entry)
        if let entry = pass.entry {
            entry.beginSection(ticket: log.ticket())
            keys.forEach(entry.append(key:))
        }
        try leave(pass).wait()
    }

    func deletionBytesMax(_ keys: Int) -> Int {
        // In no order of shards, each key comes with a section of its own.
        LogEntry.byteCountMax(records: keys, recordBytes: 8, sections: keys)
    }

    /// Begins an entry of keys that are deleted.
    func beginDeletion(_ entry: LogEntry?) {
        entry?.begin(.deleted, table: table, recordBytes: 8)
    }

    private func deleteUnpinned(_ keys: [UInt64]) throws(StoreError) -> (
        Int, pinned: [UInt64], Commit
    ) {
        coldWrites.lock()
        defer { coldWrites.unlock() }
        var pinned: [UInt64] = []
        var free: [UInt64] = []
        for key in keys {
            if isPinned(key) { pinned.append(key) } else { free.append(key) }
        }
        let onDisk = try deleteCold(free)
        // With no room to note it nothing goes now: as if all were pinned.
        let pass = try log?.enter(reserving: deletionBytesMax(free.count))
        beginDeletion(pass?.entry)
        var deleted = 0
        for (at, key) in free.enumerated() {
            switch deleteHot(key, hadColdCopy: onDisk[at], pass) {
            case .deleted:
                deleted += 1
                rowCount.subtract(1, ordering: .relaxed)
            case .absent: break
            case .pinned: pinned.append(key)
            }
        }
        return (deleted, pinned, leave(pass))
    }

    private func isPinned(_ key: UInt64) -> Bool {
        let hash = hash(key)
        let shard = shard(of: hash)
        return shard.lock.withLock {
            let position = shard.position(of: key, hash: hash)
            return unsafe position >= 0 && shard.meta(shard.record(position)).pointee.pins > 0
        }
    }

    /// Deletes copies on disk; says for each key whether there was one.
    func deleteCold(_ keys: [UInt64]) throws(StoreError) -> [Bool] {
        if isColdEmpty { return Array(repeating: false, count: keys.count) }
        let values = try cold.read(keys, table: table)
        let had = (0..<keys.count).map { at in unsafe values.withValue(at: at) { unsafe $0 != nil }
        }
        var tombstones = ColdRows()
        for (at, key) in keys.enumerated() where had[at] { unsafe tombstones.append(key, nil) }
        if tombstones.count > 0 { try writeCold(tombstones, newKeys: -tombstones.count) }
        coldKeys.subtract(tombstones.count, ordering: .releasing)
        return had
    }

    private enum Deletion { case deleted, absent, pinned }

    private func deleteHot(
        _ key: UInt64, hadColdCopy: Bool, _ pass: WriteAheadLog.Pass?
    ) -> Deletion {
        let hash = hash(key)
        let shard = shard(of: hash)
        return shard.lock.withLock {
            let position = shard.position(of: key, hash: hash)
            guard position >= 0 else {
                shard.invalidate(hash: hash)
                if hadColdCopy { note(key, pass) }
                return hadColdCopy ? .deleted : .absent
            }
            let meta = unsafe shard.meta(shard.record(position))
            if unsafe meta.pointee.has(RowMeta.coldCopy), hadColdCopy {
                unsafe meta.pointee.bits &= ~(RowMeta.coldCopy | RowMeta.exactCopy)
                unsafe meta.pointee.bits |= RowMeta.dirty
            }
            if unsafe meta.pointee.pins > 0 || log != nil && pass == nil { return .pinned }
            shard.remove(at: position, key: key, hash: hash)
            note(key, pass)
            return .deleted
        }
    }

    /// Notes that a key is deleted. The shard's lock is held.
    func note(_ key: UInt64, _ pass: WriteAheadLog.Pass?) {
        guard let log, let entry = pass?.entry else { return }
        entry.beginSection(ticket: log.ticket())
        entry.append(key: key)
    }
}
