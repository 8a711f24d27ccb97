internal import Foundation
internal import NIOConcurrencyHelpers
import Synchronization

extension RowStore {
    /// Deletes rows from both tiers and returns how many there were. Blocks on I/O.
    ///
    /// `keys` are distinct. The log comes first, since what is gone from disk cannot be brought back:
    /// once it knows what shall go, all of it does, in slices that any segment of the log has room
    /// for. Then comes the disk: a reader that saw the old value there finds, when it wants to insert
    /// it, that the key has been removed since. A row that a push has pinned is deleted after that
    /// push.
    ///
    /// Throws `tooLarge` or `noRoom` with nothing changed.
    func delete(_ keys: [UInt64]) throws(StoreError) -> (count: Int, Commit) {
        if keys.isEmpty { return (0, .done) }
        defer { trim() }
        // What can be known to fail, fails before the log says that it will be done.
        if !isColdEmpty { _ = try cold.read(keys, table: table) }
        try noteIntent(keys)
        var deleted = 0
        var last = Commit.done
        for start in stride(from: 0, to: keys.count, by: Self.deletionSliceCount) {
            var left = Array(keys[start...].prefix(Self.deletionSliceCount))
            while !left.isEmpty {
                let (count, rest, commit) = try deleteWhatIsFree(left)
                deleted += count
                last = commit
                left = rest
                if !rest.isEmpty { try waitForRoom(toDelete: rest.count) }
            }
        }
        return (deleted, last)
    }

    /// Keys that are deleted and noted together.
    private static let deletionSliceCount = 4096

    /// Waits for room in the log, which is not cut while `coldWrites` is held, and a moment, in which a
    /// push may end. What the log knows of is not given up.
    private func waitForRoom(toDelete count: Int) throws(StoreError) {
        Thread.sleep(forTimeInterval: 0.0002)
        let bytes = deletionBytesMax(count)
        while true {
            do throws(StoreError) {
                _ = leave(
                    try log?.enterWhenRoom(
                        reserving: bytes, timeoutSeconds: Self.roomTimeoutSeconds))
                return
            } catch {
                guard error == .noRoom else { throw error }
            }
        }
    }

    private func noteIntent(_ keys: [UInt64]) throws(StoreError) {
        guard let log else { return }
        let pass = try log.enterWhenRoom(
            reserving: LogEntry.byteCountMax(records: keys.count, recordBytes: 8, sections: 1),
            timeoutSeconds: Self.roomTimeoutSeconds)
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

    /// Returns also the keys that are not deleted yet, because they are pinned or the log has no room.
    private func deleteWhatIsFree(_ keys: [UInt64]) throws(StoreError) -> (
        Int, left: [UInt64], Commit
    ) {
        coldWrites.lock()
        defer { coldWrites.unlock() }
        let bytes = deletionBytesMax(keys.count)
        if let log, try !log.hasRoom(for: bytes) { return (0, keys, .done) }
        var pinned: [UInt64] = []
        var free: [UInt64] = []
        for key in keys {
            if isPinned(key) { pinned.append(key) } else { free.append(key) }
        }
        let onDisk = try deleteCold(free)
        // If the room is gone meanwhile, what is in memory stays: as if it were pinned.
        let pass = try log?.enter(reserving: bytes)
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
