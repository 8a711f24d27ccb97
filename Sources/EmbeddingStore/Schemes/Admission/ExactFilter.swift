internal import NIOConcurrencyHelpers

/// Counts the ids that have no row of their own yet, one by one; who has been seen often enough gets
/// one.
///
/// An id that has a row is not in here: that it has one, only the rows say. When a part of the counts
/// has reached its bound, those of that part halve, and ids that were seen once are forgotten. Parts
/// are small, so that nobody waits long for one to be halved or saved.
final class ExactFilter: Admission, @unchecked Sendable {  // guarded by `lock`
    private let lock = NIOLock()
    private let admitAfter: UInt32
    /// Of one part.
    private let candidatesMax: Int
    /// By hash of the id; admitted there means that it is not certain that the id has no row.
    private var parts: [[UInt64: SightingCounts]]
    private var candidateCount = 0
    private var admissions = 0
    private let budget: MemoryBudget
    /// Candidates that the budget knows of.
    private var accounted = 0

    /// Bytes that a candidate takes in a dictionary, on average.
    private static let candidateBytes = 32
    private static let partCandidates = 1 << 11

    /// Takes at most an eighth of the memory, and counts against it.
    init(admitAfter: Int, budget: MemoryBudget) {
        self.admitAfter = UInt32(clamping: admitAfter)
        self.budget = budget
        let most = max(1024, budget.limitBytes / 8 / Self.candidateBytes)
        let count = max(1, most / Self.partCandidates)
        parts = Array(repeating: [:], count: count)
        candidatesMax = most / count
    }

    private func part(of id: UInt64) -> Int {
        Int(KeyHash.processWide(id).multipliedFullWidth(by: UInt64(parts.count)).high)
    }

    /// What is known of an id. `lock` is held.
    private subscript(id: UInt64) -> SightingCounts? {
        get { parts[part(of: id)][id] }
        set {
            let part = part(of: id)
            candidateCount -= parts[part].count
            parts[part][id] = newValue
            if parts[part].count > candidatesMax { halve(part) }
            candidateCount += parts[part].count
        }
    }

    deinit { budget.add(-accounted * Self.candidateBytes) }

    /// Tells the budget of candidates that have come or gone.
    private func account() {
        budget.add((candidateCount - accounted) * Self.candidateBytes)
        accounted = candidateCount
    }

    let countsOwners = false
    let wantsNorms = false
    let needsOwners = false
    let isSweepDue = false
    func quiet() -> [UInt64] { [] }
    func retire(quiet ids: [UInt64]) -> [UInt64] { [] }
    func reinstate(_ ids: [UInt64]) {}
    func retire(_ id: UInt64) {}

    func standings(of ids: [UInt64], _ sighting: Sighting?) -> [Standing] {
        lock.withLock {
            ids.map { id in
                guard let counts = self[id], !counts.isAdmitted else { return .unknown }
                return sighting != nil && counts.sightings(with: sighting) >= admitAfter
                    ? .due : .shared
            }
        }
    }

    func isDue(_ id: UInt64, _ sighting: Sighting) -> Bool {
        lock.withLock {
            (self[id] ?? SightingCounts(epoch: 0)).sightings(with: sighting) >= admitAfter
        }
    }

    func count(_ ids: [UInt64], _ sighting: Sighting, norms: [Float]) {
        lock.withLock {
            for id in ids {
                var counts = self[id] ?? SightingCounts(epoch: 0)
                counts.count(sighting)
                counts.isAdmitted = false
                self[id] = counts
            }
            account()
        }
    }

    private func halve(_ part: Int) {
        while parts[part].count > candidatesMax {
            parts[part] = parts[part].compactMapValues { counts in
                var half = SightingCounts(
                    pulls: counts.pulls / 2, pushes: counts.pushes / 2, epoch: 0)
                half.isAdmitted = counts.isAdmitted
                return half.sightings > 0 ? half : nil
            }
        }
    }

    func admit(_ id: UInt64, unasked: Bool, keeping: Bool) -> AdmissionResult {
        lock.withLock {
            self[id] = nil
            account()
            admissions += 1
            return .admitted(insteadOf: nil)
        }
    }

    var figures: AdmissionFigures {
        lock.withLock {
            AdmissionFigures(
                owners: nil, candidates: candidateCount, admissions: admissions, retirements: 0,
                bytes: candidateCount * Self.candidateBytes)
        }
    }

    var countedIDs: CountedIDs {
        var ids: [UInt64] = []
        for part in parts.indices { lock.withLock { ids += parts[part].keys } }
        return CountedIDs(candidates: ids)
    }

    let byteCount = 0

    // MARK: across restarts

    /// Id 8, counts 4 for each.
    func save(_ write: ([UInt8]) throws(StoreError) -> Void) throws(StoreError) {
        for part in parts.indices {
            let counts = lock.withLock { parts[part] }
            var bytes: [UInt8] = []
            bytes.reserveCapacity(12 * counts.count)
            for (id, counts) in counts {
                bytes.append(littleEndian: id)
                bytes.append(littleEndian: counts.bits)
            }
            try write(bytes)
        }
    }

    func restore(_ saved: [UInt8], isCurrent: Bool) -> Bool {
        guard saved.count % 12 == 0 else { return false }
        return lock.withLock {
            for at in stride(from: 0, to: saved.count, by: 12) {
                var counts = SightingCounts(bits: saved.littleEndian(at: at + 8))
                // It may have got its row since.
                if !isCurrent { counts.isAdmitted = true }
                self[saved.littleEndian(at: at)] = counts
            }
            account()
            return true
        }
    }

    func restore(owners: [UInt64]) {}
}
