internal import NIOConcurrencyHelpers
import Synchronization

extension RowStore {
    /// How long a request waits for room in the hot tier before it is told to come back later.
    static let roomTimeoutSeconds = 10.0

    /// Brings rows into memory, and calls `body` once for each key with its record while the
    /// shard's lock is held; nil for a key that has no row and, without `create`, gets none. Blocks
    /// on I/O.
    ///
    /// `keys` are distinct. What is in neither tier is created with `create`. With `pin` each
    /// record is pinned for a push, and on error none stays pinned, nor does a row stay that only
    /// this push has made; so it is with `undo` of what is returned.
    ///
    /// Rows that are only read, with neither `create` nor `pin`, are handed out as they are on disk and
    /// stay there, unless there is room or they are used more often than others that would leave for
    /// them. So it is without `pin` also when no room can be made because the disk is full or fails.
    ///
    /// Without `isUse` all that exist are brought in, and not counted as used: they will be.
    func load(
        _ keys: [UInt64], create: Bool, pin: Bool, isUse: Bool = true,
        _ body: (_ number: Int, _ record: UnsafeMutableRawPointer?) -> Void
    ) throws(StoreError) -> Loaded {
        // So many rows at a time overshoot the budget by no more than a part of its slack.
        let step = max(1, min(4096, (budget.limitBytes - budget.highBytes) / 4 / layout.stride))
        var loaded = Loaded()
        do throws(StoreError) {
            for start in stride(from: 0, to: keys.count, by: step) {
                let range = start..<min(start + step, keys.count)
                try unsafe loadStep(
                    keys, range, create: create, pin: pin, isUse: isUse, &loaded, body)
            }
        } catch {
            if pin { undo(loaded) }
            throw error
        }
        return loaded
    }

    /// What a load with `pin` must undo when it, or what comes after it, fails.
    struct Loaded {
        fileprivate var pinned: [UInt64] = []
        fileprivate var created: [UInt64] = []
    }

    /// One step of `load`, repeated for the keys that moved while it looked.
    private func loadStep(
        _ keys: [UInt64], _ range: Range<Int>, create: Bool, pin: Bool, isUse: Bool,
        _ loaded: inout Loaded,
        _ body: (Int, UnsafeMutableRawPointer?) -> Void
    ) throws(StoreError) {
        func visit(_ number: Int, _ shard: Shard, _ record: UnsafeMutableRawPointer?) {
            if pin, let record = unsafe record {
                unsafe precondition(
                    shard.meta(record).pointee.pins < 255, "more pushes than threads")
                unsafe shard.meta(record).pointee.bits += RowMeta.pin
                loaded.pinned.append(keys[number])
            }
            unsafe body(number, record)
        }
        var created: [UInt64] = []
        defer { loaded.created += created }
        var wanted = Array(range)
        // Of a pull they are counted already.
        var misses = 0
        defer { if pin { budget.countMisses(misses) } }
        while !wanted.isEmpty {
            let now = now
            let absent = unsafe takeHot(keys, wanted, now, create: create, visit)
            misses = max(misses, absent.numbers.count)
            let onDisk =
                isColdEmpty
                ? nil : try cold.read(absent.numbers.map { keys[$0] }, table: table)
            if create {
                // They are removed, and it is as if they had never been there.
                let expired = try absent.expired + self.expired(absent, onDisk, keys, now)
                if !expired.isEmpty {
                    try evict(expired.map { keys[$0] }, expiredBy: now)
                    wanted = absent.expired + absent.numbers
                    continue
                }
            }
            let unknown =
                onDisk.map { values in
                    absent.numbers.indices.count { at in
                        unsafe values.withValue(at: at) { unsafe $0 == nil }
                    }
                } ?? absent.numbers.count
            let creates = create && unknown > 0
            var promotion = Promotion.always
            // Whether a row expires is known by its last use, which is kept with those in memory.
            if isUse, !create, !pin, lifetime == nil {
                promotion = budget.hasRoom ? .ofMoreUsed : .never
            } else if creates || onDisk?.hasValues == true {
                // Nothing is inserted for ids that nobody knows.
                do throws(StoreError) {
                    try budget.waitForRoom(timeoutSeconds: Self.roomTimeoutSeconds)
                } catch {
                    if pin || creates { throw error }
                    promotion = .never
                }
            }
            // What a push creates is noted with what it makes of it.
            let creation = creates && !pin ? try Creation(waitingIn: self, unknown) : nil
            defer { creation?.end() }
            wanted = try unsafe insert(
                keys, absent, onDisk, now, promotion, create: create, isUse: isUse, creation,
                &created, visit)
        }
    }

    /// Which rows on disk come into memory when they are asked for.
    private enum Promotion {
        case always
        /// Of those that are used more often than others that would leave for them.
        case ofMoreUsed
        case never
    }

    /// Keys that were in no shard, with the stamps that tell whether that can still be so.
    private struct Absent {
        var numbers: [Int] = []
        var stamps: [UInt32] = []
        /// Keys in memory whose rows have expired and are to be made anew.
        var expired: [Int] = []
    }

    private func takeHot(
        _ keys: [UInt64], _ wanted: [Int], _ now: UInt32, create: Bool,
        _ visit: (Int, Shard, UnsafeMutableRawPointer?) -> Void
    ) -> Absent {
        var absent = Absent()
        for number in wanted {
            let hash = hash(keys[number])
            let shard = shard(of: hash)
            shard.lock.withLock {
                let position = shard.position(of: keys[number], hash: hash)
                if position >= 0 {
                    let record = unsafe shard.record(position)
                    if unsafe !isExpired(record, now: now) {
                        unsafe visit(number, shard, record)
                    } else if create {
                        absent.expired.append(number)
                    } else {
                        // As for a key that has no row.
                        visit(number, shard, nil)
                    }
                } else {
                    absent.numbers.append(number)
                    absent.stamps.append(shard.stamp(hash))
                }
            }
        }
        return absent
    }

    /// Which of the absent keys have a row on disk that has expired.
    private func expired(
        _ absent: Absent, _ onDisk: ColdRows?, _ keys: [UInt64], _ now: UInt32
    ) throws(StoreError) -> [Int] {
        guard lifetime != nil, let onDisk else { return [] }
        var expired: [Int] = []
        for (at, number) in absent.numbers.enumerated() {
            let isExpired = try unsafe onDisk.withValue(at: at) { (value) throws(StoreError) in
                guard let value = unsafe value else { return false }
                return try unsafe self.isExpired(keys[number], value, now)
            }
            if isExpired { expired.append(number) }
        }
        return expired
    }

    private func isExpired(
        _ key: UInt64, _ value: UnsafeRawBufferPointer, _ now: UInt32
    ) throws(StoreError) -> Bool {
        if lifetime == nil { return false }
        let parsed = unsafe try ColdValue.parse(value, layout: layout, key: key, table: table).value
        return unsafe isExpired(parsed, value, now: now)
    }

    /// Makes records of what was read, or visits it and leaves it on disk; returns the keys
    /// that have to be looked for again.
    private func insert(
        _ keys: [UInt64], _ absent: Absent, _ onDisk: ColdRows?, _ now: UInt32,
        _ promotion: Promotion, create: Bool, isUse: Bool, _ creation: Creation?,
        _ created: inout [UInt64],
        _ visit: (Int, Shard, UnsafeMutableRawPointer?) -> Void
    ) throws(StoreError) -> [Int] {
        var again: [Int] = []
        var leftOnDisk = 0
        defer { budget.countLeftOnDisk(bytes: leftOnDisk * layout.stride) }
        let guest = UnsafeMutableRawPointer.allocate(byteCount: layout.stride, alignment: 16)
        defer { unsafe guest.deallocate() }
        let scratch = UnsafeMutablePointer<Float>.allocate(capacity: layout.scratchCount)
        defer { unsafe scratch.deallocate() }
        for (at, number) in absent.numbers.enumerated() {
            let key = keys[number]
            let hash = hash(key)
            let shard = shard(of: hash)
            // `withLock` cannot rethrow a typed error.
            shard.lock.lock()
            defer { shard.lock.unlock() }
            let position = shard.position(of: key, hash: hash)
            if position >= 0 {
                unsafe visit(number, shard, shard.record(position))
                continue
            }
            guard shard.stamp(hash) == absent.stamps[at] else {
                again.append(number)
                continue
            }
            if shard.isFull, promotion == .always { throw .noRoom }
            let promoted = try unsafe onDisk?.withValue(at: at) { (value) throws(StoreError) in
                guard let value = unsafe value else { return unsafe UnsafeMutableRawPointer?.none }
                if !create, try unsafe isExpired(key, value, now) {
                    return unsafe UnsafeMutableRawPointer?.none
                }
                if let record = unsafe try promote(
                    key, hash: hash, value, in: shard, promotion, isUse: isUse,
                    orReadInto: guest, scratch: scratch)
                {
                    return unsafe record
                }
                leftOnDisk += 1
                return unsafe guest
            }
            var record = unsafe promoted ?? nil
            if unsafe record == nil, create {
                unsafe record = unsafe self.create(key, hash: hash, in: shard, scratch: scratch)
                creation?.enter(shard)
                creation?.note(key)
                // A record was just made.
                if creation == nil { unsafe shard.meta(record!).pointee.setUnborn() }
                created.append(key)
            }
            unsafe visit(number, shard, record)
        }
        return again
    }

    /// Makes the record of a row that was read from disk. For one that stays there it fills `guest`
    /// instead, remembers the use, and returns nil. The shard's lock is held.
    private func promote(
        _ key: UInt64, hash: UInt64, _ value: UnsafeRawBufferPointer, in shard: Shard,
        _ promotion: Promotion, isUse: Bool, orReadInto guest: UnsafeMutableRawPointer,
        scratch: UnsafeMutablePointer<Float>
    ) throws(StoreError) -> UnsafeMutableRawPointer? {
        let (parsed, frequency, epoch) = unsafe try ColdValue.parse(
            value, layout: layout, key: key, table: table)
        let now = budget.epoch
        let meta = RowMeta(
            promotedAt: now, frequencyOnDisk: RowMeta.frequency(frequency, of: epoch, at: now),
            remembered: shard.coldFrequency(hash, epoch: now), isUse: isUse,
            flags: RowMeta.coldCopy | (parsed.precision == layout.precision ? RowMeta.exactCopy : 0)
        )
        if !isWanted(in: shard, meta.frequency(at: now), promotion) {
            shard.noteRead(hash, frequency: meta.frequency(at: now), epoch: now)
            unsafe read(parsed, value, key, into: guest, scratch: scratch)
            unsafe shard.meta(guest).pointee = meta
            return nil
        }
        let record = unsafe shard.insert(key, hash: hash)
        unsafe read(parsed, value, key, into: record, scratch: scratch)
        unsafe shard.meta(record).pointee = meta
        shard.statistics.promotions += 1
        if !isUse { shard.statistics.readAhead += 1 }
        return unsafe record
    }

    private func isWanted(
        in shard: Shard, _ frequency: UInt16, _ promotion: Promotion
    ) -> Bool {
        switch promotion {
        case .always: true
        case .ofMoreUsed: budget.promotes(frequency: frequency) && !shard.isFull
        case .never: false
        }
    }

    /// Fills everything of a record but its key and meta with a row from disk: the same however
    /// often it is read.
    private func read(
        _ parsed: ColdValue, _ value: UnsafeRawBufferPointer, _ key: UInt64,
        into record: UnsafeMutableRawPointer, scratch: UnsafeMutablePointer<Float>
    ) {
        unsafe parsed.read(
            value, into: record, layout: layout, stream: roundingStream(key, salt: 1),
            scratch: scratch)
    }

    /// Lets go of what a push that failed has loaded, and removes the rows that it made unless
    /// somebody has seen them since.
    func undo(_ loaded: Loaded) {
        if loaded.created.isEmpty { return unpin(loaded.pinned[...]) }
        let created = Set(loaded.created)
        unpin(loaded.pinned.filter { !created.contains($0) }[...])
        // Rows are removed only by who holds this: a flush counts on theirs to stay where they are.
        coldWrites.lock()
        defer { coldWrites.unlock() }
        for key in loaded.created {
            let hash = hash(key)
            let shard = shard(of: hash)
            shard.lock.withLock {
                let position = shard.position(of: key, hash: hash)
                precondition(position >= 0, "a pinned row has left the hot tier")
                let meta = unsafe shard.meta(shard.record(position))
                unsafe meta.pointee.bits -= RowMeta.pin
                if unsafe meta.pointee.pins == 0 { unsafe meta.pointee.beBorn() }
                // As `create` left it: not pinned by another push, not used, not written.
                let untouched = unsafe RowMeta(
                    frequency: 1, epoch: meta.pointee.bits >> 16,
                    flags: RowMeta.dirty | RowMeta.touched)
                if unsafe meta.pointee.bits != untouched.bits { return }
                rowCount.subtract(1, ordering: .relaxed)
                shard.statistics.created -= 1
                shard.remove(at: position, key: key, hash: hash)
                shard.trim()
            }
        }
    }

    /// Lets go of rows that a push pinned and will not step.
    func unpin(_ keys: ArraySlice<UInt64>) {
        for key in keys {
            let hash = hash(key)
            let shard = shard(of: hash)
            shard.lock.withLock {
                let position = shard.position(of: key, hash: hash)
                precondition(position >= 0, "a pinned row has left the hot tier")
                unsafe shard.meta(shard.record(position)).pointee.bits -= RowMeta.pin
            }
        }
    }
}
