internal import NIOConcurrencyHelpers

extension RowStore {
    /// Writes the rows that are in memory and returns the positions of the others, in order of
    /// shard. Never blocks.
    ///
    /// With `create` a key that can be nowhere gets its row here, while there is room. Without
    /// `endsHolds` announced rows go on waiting.
    func pullHot(
        _ keys: Keys, create: Bool, into output: RowOutput, found: FoundBits?,
        endsHolds: Bool = true
    ) -> [UInt32] {
        unsafe budget.countUses(keys.count)
        let batch = unsafe batch(keys)
        var missing: [UInt32] = []
        // Where rows may be on disk none is created here, and nothing is to be noted.
        let creation = unsafe create && isColdEmpty ? Creation(in: self, keys.count) : nil
        defer { creation?.end() }
        unsafe withScratch { scratch in
            unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: Self.lookupCountMax) {
                positions in
                lockEachShard(of: batch) { shard, places in
                    unsafe pullHot(
                        batch, places, in: shard, creation, into: output, found: found,
                        endsHolds: endsHolds && !shard.holds.isEmpty,
                        missing: &missing, positions: positions.baseAddress!, scratch: scratch)
                }
            }
        }
        return missing
    }

    /// Which of the keys are not in memory. Counts as no use.
    func absentHot(_ keys: [UInt64]) -> [Bool] {
        var absent = [Bool](repeating: false, count: keys.count)
        unsafe keys.withBytes { keys in
            let batch = unsafe batch(Keys(keys))
            lockEachShard(of: batch) { shard, places in
                for place in places {
                    let position = shard.position(of: batch.key(place), hash: batch.hash(place))
                    absent[batch.member(place)] = position < 0
                }
            }
        }
        return absent
    }

    @inline(__always)
    private func pullHot(
        _ batch: borrowing KeyBatch, _ places: Range<Int>, in shard: Shard, _ creation: Creation?,
        into output: RowOutput, found: FoundBits?, endsHolds: Bool, missing: inout [UInt32],
        positions: UnsafeMutablePointer<Int32>, scratch: UnsafeMutablePointer<Float>
    ) {
        let epoch = budget.epoch
        let now = now
        creation?.enter(shard)
        var misses = 0
        var ended = EndedHolds()
        var start = places.lowerBound
        while start < places.upperBound {
            let end = min(start + Self.lookupCountMax, places.upperBound)
            unsafe shard.find(
                batch, start..<end, wanted: layout.rowOffset..<layout.stride, positions)
            for place in start..<end {
                var position = unsafe Int(positions[place - start])
                if position < 0 {
                    misses += 1
                    // The same key may have been created a moment ago, earlier in this request.
                    position = shard.position(of: batch.key(place), hash: batch.hash(place))
                }
                let record: UnsafeMutableRawPointer
                if position >= 0 {
                    unsafe record = unsafe shard.record(position)
                    if unsafe isExpired(record, now: now) {
                        misses += 1
                        missing.append(UInt32(truncatingIfNeeded: batch.member(place)))
                        continue
                    }
                    unsafe noteUse(of: record, now: now)
                    unsafe shard.meta(record).pointee.touch(epoch: epoch)
                } else if let creation, isColdEmpty, budget.hasRoom, !shard.isFull {
                    unsafe record = unsafe self.create(
                        batch.key(place), hash: batch.hash(place), in: shard, scratch: scratch)
                    creation.note(batch.key(place))
                } else {
                    missing.append(UInt32(truncatingIfNeeded: batch.member(place)))
                    continue
                }
                unsafe write(record, at: batch.member(place), to: output, scratch: scratch)
                unsafe found?.set(batch.member(place))
                if endsHolds {
                    ended.add(
                        batch.key(place), hash: batch.hash(place), in: shard,
                        budget.announcements)
                }
            }
            start = end
        }
        if endsHolds {
            ended.tell(budget.announcements)
            shard.statistics.announcedHits += ended.count
        }
        budget.countMisses(misses)
        shard.statistics.misses += misses
        shard.statistics.hits += places.count - misses
    }

    /// Hands a row out in the format that was asked for.
    @inline(__always)
    private func write(
        _ record: UnsafeMutableRawPointer, at position: Int, to output: RowOutput,
        scratch: UnsafeMutablePointer<Float>
    ) {
        if layout.precision == .float32 {
            unsafe output.write(
                layout.row(record).assumingMemoryBound(to: Float.self), at: position)
        } else if unsafe output.format == .float32 {
            unsafe layout.decode(record, into: output.float32(position))
        } else {
            unsafe layout.decode(record, into: scratch)
            unsafe output.write(scratch, at: position)
        }
    }

    /// Writes the rows at `missing`, which `pullHot` did not find: one batched read of the disk for
    /// each so many of them. Blocks on I/O.
    ///
    /// Rows that exist are promoted. Others are created with `create`, and without it served as a
    /// default row. Without `endsHolds` announced rows go on waiting.
    func pullCold(
        _ keys: Keys, missing: [UInt32], create: Bool, into output: RowOutput, found: FoundBits?,
        endsHolds: Bool = true
    ) throws(StoreError) {
        // One key may be missing at several positions: sorted, they are neighbours.
        let byKey = missing.sorted { unsafe keys[Int($0)] < keys[Int($1)] }
        var unique: [UInt64] = []
        var runStarts: [Int] = []
        for (at, position) in byKey.enumerated() where unsafe unique.last != keys[Int(position)] {
            unsafe unique.append(keys[Int(position)])
            runStarts.append(at)
        }
        runStarts.append(byKey.count)

        let now = now
        try unsafe withScratch { (scratch) throws(StoreError) in
            _ = try unsafe load(unique, create: create, pin: false) { number, record in
                let places = runStarts[number]..<runStarts[number + 1]
                if endsHolds { endHolds(unique[number], count: places.count) }
                for at in places {
                    let position = Int(byKey[at])
                    if let record = unsafe record {
                        unsafe noteUse(of: record, now: now)
                        unsafe write(record, at: position, to: output, scratch: scratch)
                        unsafe found?.set(position)
                    } else {
                        let mean = start.mean(of: unique[number])
                        unsafe scratch.update(repeating: mean, count: layout.dimension)
                        unsafe output.write(scratch, at: position)
                    }
                }
            }
        }
    }

    /// Says that rows have been handed out by a pull that did not say so.
    func endHolds(_ keys: [UInt64]) {
        if keys.isEmpty { return }
        unsafe keys.withBytes { keys in
            let batch = unsafe batch(Keys(keys))
            lockEachShard(of: batch) { shard, places in
                if shard.holds.isEmpty { return }
                var ended = EndedHolds()
                for place in places {
                    ended.add(
                        batch.key(place), hash: batch.hash(place), in: shard, budget.announcements)
                }
                ended.tell(budget.announcements)
                shard.statistics.announcedHits += ended.count
            }
        }
    }

    /// Says that a row has been handed out so many times. The lock of its shard is held.
    private func endHolds(_ key: UInt64, count: Int) {
        let hash = hash(key)
        let shard = shard(of: hash)
        if shard.holds.isEmpty { return }
        var ended = EndedHolds()
        for _ in 0..<count { ended.add(key, hash: hash, in: shard, budget.announcements) }
        ended.tell(budget.announcements)
    }
}
