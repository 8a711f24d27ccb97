import CKernels
import Synchronization

/// What was done to rows, done again from the log: before anybody else knows of the table, so that
/// no lock is taken. The disk may already have what comes later in the log, but never less than
/// what came before it.
extension RowStore {
    /// Rows between two looks at the budget.
    private static let replayedRowsMax = 4096
    /// So many at once overshoot the budget by no more than a part of its slack.
    private var replayedRowsMax: Int {
        max(
            1, min(Self.replayedRowsMax, (budget.limitBytes - budget.highBytes) / 4 / layout.stride)
        )
    }
    private static let prefetchDistance = 16

    /// - Parameters:
    ///   - deleted: keys that have been deleted and not been made again. They go from the disk only
    ///     at the end, by `finishReplay`: the disk may have a row that was made after the deletion.
    ///   - trustsDisk: whether no replay of this log has moved rows to disk. Then a row that left the
    ///     hot tier is on disk as it was when it left, or as it was later. Otherwise what the disk
    ///     had may have been replaced by what was earlier, and the row of the log counts.
    ///   - makeRoom: moves rows to disk, in hot precision.
    func replay(
        _ entry: LogReader.Entry, _ section: LogReader.Section, deleted: inout Set<UInt64>,
        trustsDisk: Bool, makeRoom: () throws(StoreError) -> Void
    ) throws(StoreError) {
        guard entry.kind != .changed || entry.recordBytes == layout.stride else {
            throw .damaged("records of \(entry.recordBytes) bytes, not \(layout.stride)")
        }
        if entry.pushes > pushes.load(ordering: .relaxed) {
            pushes.store(entry.pushes, ordering: .relaxed)
        }
        let step = replayedRowsMax
        for start in stride(from: 0, to: section.count, by: step) {
            let end = min(start + step, section.count)
            let records = unsafe (start..<end).lazy.map {
                unsafe section.records + $0 * entry.recordBytes
            }
            switch entry.kind {
            case .changed:
                if !budget.hasRoom { try makeRoom() }
                try unsafe replayChanges(section.records, start..<end)
                if !deleted.isEmpty {
                    unsafe records.forEach { unsafe deleted.remove(Self.key($0)) }
                }
            case .created:
                if !budget.hasRoom { try makeRoom() }
                try unsafe withScratch { (scratch) throws(StoreError) in
                    for at in start..<end {
                        let key = unsafe Self.key(section.records + at * entry.recordBytes)
                        try unsafe replayCreation(key, scratch)
                        deleted.remove(key)
                    }
                }
            case .deleted:
                unsafe records.forEach {
                    let key = unsafe Self.key($0)
                    removeHot(key)
                    deleted.insert(key)
                }
            case .demoted:
                if trustsDisk { unsafe records.forEach { unsafe removeHot(Self.key($0)) } }
            }
        }
    }

    /// Takes the rows from the disk that were deleted and not made again, once they are counted.
    func finishReplay(deleted: Set<UInt64>) throws(StoreError) {
        let keys = Array(deleted)
        for start in stride(from: 0, to: keys.count, by: Self.replayedRowsMax) {
            let had = try deleteCold(Array(keys[start...].prefix(Self.replayedRowsMax)))
            rowCount.subtract(had.count { $0 }, ordering: .relaxed)
        }
    }

    private static func key(_ record: UnsafeRawPointer) -> UInt64 {
        unsafe record.loadUnaligned(as: UInt64.self)
    }

    private func replayChanges(_ records: UnsafeRawPointer, _ range: Range<Int>) throws(StoreError)
    {
        let epoch = budget.epoch
        for at in range {
            let ahead = at + Self.prefetchDistance
            if ahead < range.upperBound {
                let hash = unsafe hash(Self.key(records + ahead * layout.stride))
                shard(of: hash).index.prefetch(hash)
            }
            let source = unsafe records + at * layout.stride
            let key = unsafe Self.key(source)
            let hash = hash(key)
            let shard = shard(of: hash)
            let position = shard.position(of: key, hash: hash)
            if position < 0, shard.isFull { throw Self.needsMoreMemory }
            let target =
                unsafe position >= 0
                ? shard.record(position) : shard.insert(key, hash: hash)
            unsafe target.copyMemory(from: source, byteCount: layout.stride)
            // As it was counted then: the epochs since are not known.
            let frequency = unsafe UInt16(
                truncatingIfNeeded: shard.meta(target).pointee.bits)
            unsafe shard.meta(target).pointee = RowMeta(
                frequency: frequency, epoch: epoch, flags: RowMeta.dirty | RowMeta.touched)
        }
    }

    private static let needsMoreMemory = StoreError.tooLarge(
        "replaying the log takes more memory than the hot tier has; open the store with more")

    private func replayCreation(
        _ key: UInt64, _ scratch: UnsafeMutablePointer<Float>
    ) throws(StoreError) {
        let hash = hash(key)
        let shard = shard(of: hash)
        if shard.position(of: key, hash: hash) >= 0 { return }
        if shard.isFull { throw Self.needsMoreMemory }
        _ = unsafe create(key, hash: hash, in: shard, scratch: scratch)
    }

    private func removeHot(_ key: UInt64) {
        let hash = hash(key)
        let shard = shard(of: hash)
        let position = shard.position(of: key, hash: hash)
        if position >= 0 { shard.remove(at: position, key: key, hash: hash) }
    }

    // MARK: counts

    /// Reading a row by its key takes so many times as long as reading it as one of all, about.
    private static let scanFactor = 4

    /// Makes the counts true again, and finds out which rows in memory have a copy on disk.
    ///
    /// `coldKeys` is the number of keys on disk where it is known; else all of them are read. So they
    /// are where that is faster than to look for those in memory. Calls `progress` now and then with
    /// rows looked at, and in all where that is known.
    func recount(
        coldKeys known: Int?, progress: (_ done: Int, _ all: Int?) -> Void = { _, _ in }
    ) throws(StoreError) {
        let onDisk: Int
        if let known, Self.scanFactor * hotRows <= known {
            onDisk = known
            let hotRows = hotRows
            var done = 0
            for shard in shards {
                try markColdCopies(shard)
                done += shard.count
                progress(done, hotRows)
            }
        } else {
            var count = 0
            try unsafe cold.scan(table: table) { key, _ in
                count += 1
                if count % Self.progressRows == 0 { progress(count, known) }
                let hash = hash(key)
                let shard = shard(of: hash)
                let position = shard.position(of: key, hash: hash)
                if position >= 0 {
                    unsafe shard.meta(shard.record(position)).pointee.bits |= RowMeta.coldCopy
                }
                return true
            }
            onDisk = count
        }
        var onlyHot = 0
        for shard in shards {
            for position in 0..<shard.count
            where unsafe !shard.meta(shard.record(position)).pointee.has(RowMeta.coldCopy) {
                onlyHot += 1
            }
            shard.statistics = ShardStatistics()
        }
        becomeCounted(coldKeys: onDisk, rows: onDisk + onlyHot)
    }

    private static let progressRows = 1 << 16

    private func markColdCopies(_ shard: Shard) throws(StoreError) {
        for start in stride(from: 0, to: shard.count, by: Self.replayedRowsMax) {
            let positions = start..<min(start + Self.replayedRowsMax, shard.count)
            let values = try cold.read(positions.map { shard.key(at: $0) }, table: table)
            for (at, position) in positions.enumerated() {
                let isThere = unsafe values.withValue(at: at) { unsafe $0 != nil }
                if isThere {
                    unsafe shard.meta(shard.record(position)).pointee.bits |= RowMeta.coldCopy
                }
            }
        }
    }
}
