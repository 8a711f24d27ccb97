internal import NIOConcurrencyHelpers

/// Counts the ids that have no row of their own yet, one by one; who has been seen often enough gets
/// one.
///
/// An id that has a row is not in here: that it has one, only the rows say. When the table of counts
/// has reached its bound, all counts halve, and ids that were seen once are forgotten.
final class ExactFilter: Admission, @unchecked Sendable {  // guarded by `lock`
    private let lock = NIOLock()
    private let admitAfter: UInt32
    private let candidatesMax: Int
    /// `SightingCounts`; admitted there means that it is not certain that the id has no row.
    private var candidates: [UInt64: SightingCounts] = [:]
    private var admissions = 0
    private let budget: MemoryBudget
    /// Candidates that the budget knows of.
    private var accounted = 0

    /// Bytes that a candidate takes in a dictionary, on average.
    private static let candidateBytes = 32

    /// Takes at most an eighth of the memory, and counts against it.
    init(admitAfter: Int, budget: MemoryBudget) {
        self.admitAfter = UInt32(clamping: admitAfter)
        self.budget = budget
        candidatesMax = max(1024, budget.limitBytes / 8 / Self.candidateBytes)
    }

    deinit { budget.add(-accounted * Self.candidateBytes) }

    /// Tells the budget of candidates that have come or gone.
    private func account() {
        budget.add((candidates.count - accounted) * Self.candidateBytes)
        accounted = candidates.count
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
                guard let counts = candidates[id], !counts.isAdmitted else { return .unknown }
                return sighting != nil && counts.sightings(with: sighting) >= admitAfter
                    ? .due : .shared
            }
        }
    }

    func isDue(_ id: UInt64, _ sighting: Sighting) -> Bool {
        lock.withLock {
            (candidates[id] ?? SightingCounts(epoch: 0)).sightings(with: sighting) >= admitAfter
        }
    }

    func count(_ ids: [UInt64], _ sighting: Sighting, norms: [Float]) {
        lock.withLock {
            for id in ids {
                var counts = candidates[id] ?? SightingCounts(epoch: 0)
                counts.count(sighting)
                counts.isAdmitted = false
                candidates[id] = counts
            }
            while candidates.count > candidatesMax { halve() }
            account()
        }
    }

    private func halve() {
        candidates = candidates.compactMapValues { counts in
            var half = SightingCounts(
                pulls: counts.pulls / 2, pushes: counts.pushes / 2, epoch: 0)
            half.isAdmitted = counts.isAdmitted
            return half.sightings > 0 ? half : nil
        }
    }

    func admit(_ id: UInt64, unasked: Bool, keeping: Bool) -> AdmissionResult {
        lock.withLock {
            candidates[id] = nil
            account()
            admissions += 1
            return .admitted(insteadOf: nil)
        }
    }

    var figures: AdmissionFigures {
        lock.withLock {
            AdmissionFigures(
                owners: nil, candidates: candidates.count, admissions: admissions, retirements: 0,
                bytes: candidates.count * Self.candidateBytes)
        }
    }

    var countedIDs: CountedIDs {
        lock.withLock { CountedIDs(candidates: Array(candidates.keys)) }
    }

    let byteCount = 0

    // MARK: across restarts

    /// Id 8, counts 4 for each.
    func save(_ write: ([UInt8]) throws -> Void) rethrows {
        try write(all)
    }

    /// In one piece: a dictionary that changes cannot be walked through in several.
    private var all: [UInt8] {
        lock.withLock {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(12 * candidates.count)
            for (id, counts) in candidates {
                bytes.append(littleEndian: id)
                bytes.append(littleEndian: counts.bits)
            }
            return bytes
        }
    }

    func restore(_ saved: [UInt8], isCurrent: Bool) -> Bool {
        guard saved.count % 12 == 0 else { return false }
        return lock.withLock {
            for at in stride(from: 0, to: saved.count, by: 12) {
                var counts = SightingCounts(bits: saved.littleEndian(at: at + 8))
                // It may have got its row since.
                if !isCurrent { counts.isAdmitted = true }
                candidates[saved.littleEndian(at: at)] = counts
            }
            account()
            return true
        }
    }

    func restore(owners: [UInt64]) {}
}
