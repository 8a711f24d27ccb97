internal import NIOConcurrencyHelpers

/// The ids that are seen most often, in bounded memory: who has one of a fixed number of own rows,
/// and who is next.
///
/// Buckets of eight cells, an id and its counts in each; an id belongs into one bucket. Where that is
/// full, a newcomer wears down the weaker of two candidates, with a probability that
/// falls with its count, and takes its place when nothing is left (HeavyKeeper, Gong et al., ATC
/// 2018): so no count is ever too high, and ids that come once do not push out those that come again.
/// When all own rows are taken, or too many of a bucket, an id must be worth twice as much as one
/// that has a row (CAFE, SIGMOD 2024, lets them compete in the same way).
@safe final class FrequencySketch: Admission, @unchecked Sendable {  // guarded by `lock`
    private struct Cell {
        var id: UInt64
        var counts: SightingCounts
        /// Norms of gradients, added up; halves like the counts.
        var norm: Float

        var isEmpty: Bool { counts.sightings == 0 && !counts.isAdmitted }
    }

    private let lock = NIOLock()
    private let own: Int
    private let admitAfter: UInt32
    private let score: Scheme.Score
    private let bucketCount: Int
    private let cellCount: Int
    private let hash: KeyHash
    private let firstSharedKey: UInt64
    private let cells: UnsafeMutablePointer<Cell>
    /// Ids that are kept and for which their bucket has no room.
    private var overflow: Set<UInt64> = []

    private var epoch: UInt32 = 0
    /// Sightings since the epoch began.
    private var sightings = 0
    private var needsSweep = false
    private var owners = 0
    private var admissions = 0
    private var retirements = 0
    /// Of the chances by which candidates are worn down.
    private var chance: UInt64 = 0

    private static let bucketCells = 8
    /// Of a bucket's cells some are left to candidates.
    private static let bucketOwnersMax = 7
    private static let cellBytes = MemoryLayout<Cell>.stride

    static func byteCount(own: Int) -> Int { bucketCount(own: own) * bucketCells * cellBytes }

    /// Twice as many cells as there are own rows: then few buckets get more owners than they hold.
    private static func bucketCount(own: Int) -> Int { max(4, (2 * own + 7) / bucketCells) }

    /// Ids from `firstSharedKey` on get no row: their keys are those of shared rows.
    init(
        own: Int, admitAfter: Int, score: Scheme.Score, seed: UInt64,
        firstSharedKey: UInt64 = .max
    ) {
        self.own = own
        self.firstSharedKey = firstSharedKey
        self.admitAfter = UInt32(clamping: admitAfter)
        self.score = score
        bucketCount = Self.bucketCount(own: own)
        hash = KeyHash(salt: seed &+ 0xA076_1D64_78BD_642F)
        cellCount = bucketCount * Self.bucketCells
        unsafe cells = .allocate(capacity: cellCount)
        unsafe cells.initialize(
            repeating: Cell(id: 0, counts: SightingCounts(bits: 0), norm: 0),
            count: cellCount)
    }

    deinit { unsafe cells.deallocate() }

    var byteCount: Int { Self.byteCount(own: own) }
    let countsOwners = true
    var wantsNorms: Bool { score == .gradientNorm }

    /// Sightings after which counts halve: so many that an id which is seen with every 32nd of what
    /// an own row gets on average stays above 0.
    private var epochLength: Int { max(1 << 16, 32 * own) }

    // MARK: looking

    private func bucket(of id: UInt64) -> Int {
        let number = hash(id).multipliedFullWidth(by: UInt64(bucketCount)).high
        return Int(truncatingIfNeeded: number) * Self.bucketCells
    }

    /// The cell of an id, brought up to date.
    @inline(__always)
    private func cell(of id: UInt64) -> UnsafeMutablePointer<Cell>? {
        let start = bucket(of: id)
        for at in start..<start + Self.bucketCells {
            let cell = unsafe cells + at
            if unsafe cell.pointee.id == id, unsafe !cell.pointee.isEmpty {
                unsafe bringUpToDate(cell)
                return unsafe cell
            }
        }
        return nil
    }

    @inline(__always)
    private func bringUpToDate(_ cell: UnsafeMutablePointer<Cell>) {
        let age = unsafe cell.pointee.counts.bringUpToDate(epoch: epoch)
        if age > 0 { unsafe cell.pointee.norm /= Float(1 << age) }
    }

    private func worth(_ cell: Cell, _ sighting: Sighting? = nil) -> Float {
        switch score {
        case .count: Float(cell.counts.sightings(with: sighting))
        case .gradientNorm: cell.norm
        }
    }

    func standings(of ids: [UInt64], _ sighting: Sighting?) -> [Standing] {
        lock.withLock {
            ids.map { id in
                guard let cell = unsafe cell(of: id) else {
                    if overflow.contains(id) { return .own }
                    return sighting != nil && admitAfter <= 1 && room(for: id, worth: 1) != .none
                        ? .due : .shared
                }
                if unsafe cell.pointee.counts.isAdmitted { return .own }
                guard let sighting else { return .shared }
                return unsafe isDue(cell.pointee, sighting) ? .due : .shared
            }
        }
    }

    private func isDue(_ cell: Cell, _ sighting: Sighting?) -> Bool {
        cell.counts.sightings(with: sighting) >= admitAfter
            && room(for: cell.id, worth: worth(cell, sighting)) != .none
    }

    func isDue(_ id: UInt64, _ sighting: Sighting) -> Bool {
        standings(of: [id], sighting) == [.due]
    }

    private enum Room: Equatable {
        case none
        case free
        case instead(cell: Int)
    }

    private func room(for id: UInt64, worth: Float) -> Room {
        // Its key would be a shared row's.
        if id >= firstSharedKey { return .none }
        let start = bucket(of: id)
        var (ownersHere, weakest) = owners(from: start)
        if ownersHere < Self.bucketOwnersMax {
            if owners < own { return .free }
            // Any owner may make room; some are looked at, others the next time.
            var number = hash(id &+ UInt64(sightings >> 8))
            for _ in 0..<Self.sampledBuckets {
                number = hash(number)
                let place = number.multipliedFullWidth(by: UInt64(bucketCount)).high
                let other = owners(from: Int(truncatingIfNeeded: place) * Self.bucketCells).weakest
                if let other, isWeaker(other, than: weakest) { weakest = other }
            }
        }
        if let weakest, unsafe 2 * self.worth(cells[weakest]) < worth {
            return .instead(cell: weakest)
        }
        return .none
    }

    /// How many cells of a bucket own a row, and which of them is worth least and may lose it.
    private func owners(from start: Int) -> (count: Int, weakest: Int?) {
        var count = 0
        var weakest: Int?
        for at in start..<start + Self.bucketCells {
            unsafe bringUpToDate(cells + at)
            let counts = unsafe cells[at].counts
            guard counts.isAdmitted else { continue }
            count += 1
            if !counts.isKept, isWeaker(at, than: weakest) { weakest = at }
        }
        return (count, weakest)
    }

    private func isWeaker(_ cell: Int, than other: Int?) -> Bool {
        guard let other else { return true }
        return unsafe worth(cells[cell]) < worth(cells[other])
    }

    /// Buckets besides its own in which an id looks for an owner that is worth less.
    private static let sampledBuckets = 2

    // MARK: counting

    func count(_ ids: [UInt64], _ sighting: Sighting, norms: [Float]) {
        lock.withLock {
            for (at, id) in ids.enumerated() {
                guard let cell = unsafe cell(of: id) ?? newCell(for: id) else { continue }
                unsafe cell.pointee.counts.count(sighting)
                if sighting == .push, !norms.isEmpty { unsafe cell.pointee.norm += norms[at] }
            }
            sightings += ids.count
            if sightings >= epochLength {
                sightings = 0
                epoch &+= 1
                needsSweep = true
            }
        }
    }

    /// A cell for an id that has none, if there is one.
    private func newCell(for id: UInt64) -> UnsafeMutablePointer<Cell>? {
        if overflow.contains(id) { return nil }
        let start = bucket(of: id)
        var candidates = 0
        for at in start..<start + Self.bucketCells {
            unsafe bringUpToDate(cells + at)
            if unsafe cells[at].isEmpty {
                unsafe fill(cells + at, id)
                return unsafe cells + at
            }
            if unsafe !cells[at].counts.isAdmitted { candidates += 1 }
        }
        if candidates == 0 { return nil }
        chance &+= 1
        // The weaker of two, not the weakest of all: that is mostly the last newcomer, and newcomers
        // would wear down nobody but each other.
        let draw = hash(chance)
        let first = candidate(Int(draw & 0xFFFF) % candidates, from: start)
        let second = candidate(Int(draw >> 16 & 0xFFFF) % candidates, from: start)
        let at = isWeaker(second, than: first) ? second : first
        let cell = unsafe cells + at
        if unsafe wearsDown(cell.pointee.counts.sightings) {
            unsafe cell.pointee.counts.decrement()
            unsafe cell.pointee.norm *= 0.5
        }
        guard unsafe cell.pointee.isEmpty else { return nil }
        unsafe fill(cell, id)
        return unsafe cell
    }

    /// The cell of a bucket's n-th candidate.
    private func candidate(_ number: Int, from start: Int) -> Int {
        var left = number
        var at = start
        while unsafe cells[at].counts.isAdmitted || left > 0 {
            if unsafe !cells[at].counts.isAdmitted { left -= 1 }
            at += 1
        }
        return at
    }

    private func fill(_ cell: UnsafeMutablePointer<Cell>, _ id: UInt64) {
        unsafe cell.pointee = Cell(id: id, counts: SightingCounts(epoch: epoch), norm: 0)
    }

    /// True with a probability of 1.08 to the power of `-count`.
    private func wearsDown(_ count: UInt32) -> Bool {
        var power: Float = 1
        for _ in 0..<min(count, 200) { power /= 1.08 }
        return Float(hash(chance) >> 40) * 0x1p-24 < power
    }

    // MARK: admitting

    func admit(_ id: UInt64, unasked: Bool, keeping: Bool) -> AdmissionResult {
        lock.withLock {
            if overflow.contains(id) { return .refused }
            let known = unsafe cell(of: id)
            if let known = unsafe known, unsafe known.pointee.counts.isAdmitted { return .refused }
            let worth = unsafe known.map { unsafe self.worth($0.pointee) + 1 } ?? 1
            switch room(for: id, worth: worth) {
            case .none:
                guard keeping, owners < own, id < firstSharedKey else { return .refused }
                overflow.insert(id)
            case .free:
                guard let cell = unsafe known ?? cellByForce(for: id) else { return .refused }
                unsafe cell.pointee.counts.isAdmitted = true
                unsafe cell.pointee.counts.isKept = keeping
                // It has been seen, or it would be gone at the next sweep.
                if unsafe cell.pointee.isEmpty || cell.pointee.counts.sightings == 0 {
                    unsafe cell.pointee.counts.count(.pull)
                }
            case .instead(let victim):
                guard !unasked, let cell = unsafe known ?? cellByForce(for: id) else {
                    return .refused
                }
                let loser = unsafe cells[victim].id
                unsafe cells[victim].counts.isAdmitted = false
                unsafe cell.pointee.counts.isAdmitted = true
                unsafe cell.pointee.counts.isKept = keeping
                admissions += 1
                retirements += 1
                return .admitted(insteadOf: loser)
            }
            owners += 1
            admissions += 1
            return .admitted(insteadOf: nil)
        }
    }

    /// A cell of an id's bucket that is empty, or the weakest candidate's.
    private func cellByForce(for id: UInt64) -> UnsafeMutablePointer<Cell>? {
        let start = bucket(of: id)
        let candidates = (start..<start + Self.bucketCells).filter {
            unsafe !cells[$0].counts.isAdmitted
        }
        guard let weakest = candidates.min(by: { unsafe worth(cells[$0]) < worth(cells[$1]) })
        else { return nil }
        unsafe fill(cells + weakest, id)
        return unsafe cells + weakest
    }

    func retire(_ id: UInt64) {
        lock.withLock {
            if overflow.remove(id) != nil {
                owners -= 1
            } else if let cell = unsafe cell(of: id), unsafe cell.pointee.counts.isAdmitted {
                unsafe cell.pointee.counts.isAdmitted = false
                unsafe cell.pointee.counts.isKept = false
                owners -= 1
            }
        }
    }

    var isSweepDue: Bool { lock.withLock { needsSweep } }

    func quiet() -> [UInt64] {
        lock.withLock { needsSweep = false }
        var quiet: [UInt64] = []
        for start in stride(from: 0, to: cellCount, by: Self.sliceCells) {
            lock.withLock {
                for at in start..<min(start + Self.sliceCells, cellCount)
                where unsafe isQuiet(cells + at) {
                    unsafe quiet.append(cells[at].id)
                }
            }
        }
        return quiet
    }

    /// Cells that are looked at under the lock at once.
    private static let sliceCells = 4096

    private func isQuiet(_ cell: UnsafeMutablePointer<Cell>) -> Bool {
        unsafe bringUpToDate(cell)
        let counts = unsafe cell.pointee.counts
        return counts.isAdmitted && counts.sightings == 0 && !counts.isKept
    }

    func retire(quiet ids: [UInt64]) -> [UInt64] {
        lock.withLock {
            let retired = ids.filter { id in
                guard let cell = unsafe cell(of: id), unsafe isQuiet(cell) else { return false }
                unsafe cell.pointee.counts.isAdmitted = false
                return true
            }
            owners -= retired.count
            retirements += retired.count
            return retired
        }
    }

    func reinstate(_ ids: [UInt64]) {
        lock.withLock {
            ids.forEach(own)
            retirements -= ids.count
        }
    }

    /// Lets an id have the row that it has, whoever else may.
    private func own(_ id: UInt64) {
        if overflow.contains(id) { return }
        if let known = unsafe cell(of: id), unsafe known.pointee.counts.isAdmitted { return }
        owners += 1
        guard let cell = unsafe cell(of: id) ?? cellByForce(for: id) else {
            overflow.insert(id)
            return
        }
        unsafe cell.pointee.counts.isAdmitted = true
    }

    var figures: AdmissionFigures {
        var candidates = 0
        for start in stride(from: 0, to: cellCount, by: Self.sliceCells) {
            lock.withLock {
                for at in start..<min(start + Self.sliceCells, cellCount) {
                    let cell = unsafe cells[at]
                    if !cell.isEmpty, !cell.counts.isAdmitted { candidates += 1 }
                }
            }
        }
        return lock.withLock {
            AdmissionFigures(
                owners: owners, candidates: candidates, admissions: admissions,
                retirements: retirements, bytes: byteCount)
        }
    }

    var countedIDs: CountedIDs {
        lock.withLock {
            var counted = CountedIDs(owners: Array(overflow))
            for at in 0..<bucketCount * Self.bucketCells {
                let cell = unsafe cells[at]
                if cell.isEmpty { continue }
                if cell.counts.isAdmitted {
                    counted.owners.append(cell.id)
                } else {
                    counted.candidates.append(cell.id)
                }
            }
            return counted
        }
    }

    // MARK: across restarts

    let needsOwners = true

    /// ```
    /// cells: id 8, counts 4, norm 4 | … | epoch 4 | sightings 4
    /// ```
    /// The epoch comes last: no cell is of a later one.
    func save(_ write: ([UInt8]) throws(StoreError) -> Void) throws(StoreError) {
        for start in stride(from: 0, to: cellCount, by: Self.sliceCells) {
            var bytes: [UInt8] = []
            lock.withLock {
                for at in start..<min(start + Self.sliceCells, cellCount)
                where unsafe !cells[at].isEmpty {
                    unsafe Self.append(cells[at], to: &bytes)
                }
            }
            if !bytes.isEmpty { try write(bytes) }
        }
        var bytes: [UInt8] = []
        lock.withLock {
            for id in overflow {
                var counts = SightingCounts(epoch: epoch)
                counts.isAdmitted = true
                counts.isKept = true
                Self.append(Cell(id: id, counts: counts, norm: 0), to: &bytes)
            }
            bytes.append(littleEndian: epoch)
            bytes.append(littleEndian: UInt32(clamping: sightings))
        }
        try write(bytes)
    }

    private static func append(_ cell: Cell, to bytes: inout [UInt8]) {
        bytes.append(littleEndian: cell.id)
        bytes.append(littleEndian: cell.counts.bits)
        bytes.append(littleEndian: cell.norm.bitPattern)
    }

    func restore(_ saved: [UInt8], isCurrent: Bool) -> Bool {
        guard saved.count >= 8, saved.count % 16 == 8 else { return false }
        return lock.withLock {
            let end = saved.count - 8
            epoch = saved.littleEndian(at: end)
            sightings = Int(saved.littleEndian(at: end + 4) as UInt32)
            for at in stride(from: 0, to: end, by: 16) {
                let id: UInt64 = saved.littleEndian(at: at)
                var counts = SightingCounts(bits: saved.littleEndian(at: at + 8))
                let norm = Float(bitPattern: saved.littleEndian(at: at + 12))
                // Who has a row, the rows will say.
                if !isCurrent { counts.isAdmitted = false }
                let cell = Cell(id: id, counts: counts, norm: norm.isFinite ? norm : 0)
                if cell.isEmpty { continue }
                if counts.isAdmitted { owners += 1 }
                let start = bucket(of: id)
                let free = (start..<start + Self.bucketCells).first {
                    unsafe cells[$0].isEmpty
                }
                if let free {
                    unsafe cells[free] = cell
                } else if counts.isAdmitted {
                    overflow.insert(id)
                }
            }
            return true
        }
    }

    func restore(owners ids: [UInt64]) {
        lock.withLock {
            for id in ids {
                own(id)
                if let cell = unsafe cell(of: id), unsafe cell.pointee.counts.sightings == 0 {
                    unsafe cell.pointee.counts.count(.pull)
                }
            }
            // Those that were kept and have no row are candidates like others.
            for at in 0..<cellCount
            where unsafe !cells[at].counts.isAdmitted {
                unsafe cells[at].counts.isKept = false
            }
        }
    }
}
