internal import NIOConcurrencyHelpers

/// Counts the ids that have no row of their own yet in a fixed number of counters, a byte each: a
/// counting Bloom filter with conservative update (Estan and Varghese, SIGCOMM 2002).
///
/// Each id has four counters, and the least of them is its count: never too low, and too high when
/// others have raised all four, so that with n ids in m counters one in about (1 − e^(−4n/m))⁴ new
/// ids gets its row early. Half of a byte counts pulls, the other half pushes, to 15. When half of the
/// counters are in use, all counts halve.
final class BloomFilter: Admission, @unchecked Sendable {  // guarded by `lock`
    private let lock = NIOLock()
    private let admitAfter: UInt8
    private let hash: KeyHash
    private var counters: [UInt8]
    private var usedCounters = 0
    /// Whether a count below the threshold proves that an id has no row: until counts have halved.
    private var isProof = true
    private var admissions = 0

    private static let hashCount = 4
    static let countMax = 15

    init(counters: Int, admitAfter: Int, seed: UInt64) {
        self.admitAfter = UInt8(min(admitAfter, Self.countMax))
        byteCount = counters
        self.counters = [UInt8](repeating: 0, count: counters)
        hash = KeyHash(salt: seed &+ 0xE703_7ED1_A0B4_28DB)
    }

    let countsOwners = false
    let wantsNorms = false
    let needsOwners = false
    let isSweepDue = false
    func quiet() -> [UInt64] { [] }
    func retire(quiet ids: [UInt64]) -> [UInt64] { [] }
    func reinstate(_ ids: [UInt64]) {}
    func retire(_ id: UInt64) {}

    /// Where an id's counters are: by two hashes (Kirsch and Mitzenmacher, ESA 2006).
    private func places(_ id: UInt64) -> [Int] {
        let first = hash(id)
        let step = hash(first) | 1
        return (0..<Self.hashCount).map { number in
            let place = first &+ UInt64(number) &* step
            return Int(place.multipliedFullWidth(by: UInt64(counters.count)).high)
        }
    }

    private func counts(_ id: UInt64) -> (pulls: UInt8, pushes: UInt8) {
        places(id).reduce((15, 15)) { least, place in
            (min(least.0, counters[place] & 15), min(least.1, counters[place] >> 4))
        }
    }

    private func sightings(_ id: UInt64, with sighting: Sighting?) -> UInt8 {
        let (pulls, pushes) = counts(id)
        switch sighting {
        case nil: return max(pulls, pushes)
        case .pull: return max(pulls + 1, pushes)
        case .push: return max(pulls, pushes + 1)
        }
    }

    func standings(of ids: [UInt64], _ sighting: Sighting?) -> [Standing] {
        lock.withLock {
            ids.map { id in
                if !isProof || sightings(id, with: nil) >= admitAfter { return .unknown }
                return sighting != nil && sightings(id, with: sighting) >= admitAfter
                    ? .due : .shared
            }
        }
    }

    func isDue(_ id: UInt64, _ sighting: Sighting) -> Bool {
        lock.withLock { sightings(id, with: sighting) >= admitAfter }
    }

    func count(_ ids: [UInt64], _ sighting: Sighting, norms: [Float]) {
        lock.withLock {
            for id in ids {
                let (pulls, pushes) = counts(id)
                switch sighting {
                case .pull: raise(id, pulls: min(pulls + 1, 15), pushes: pushes)
                case .push: raise(id, pulls: pulls, pushes: min(pushes + 1, 15))
                }
            }
            if usedCounters > counters.count / 2 { halve() }
        }
    }

    /// Raises the counters that are below these.
    private func raise(_ id: UInt64, pulls: UInt8, pushes: UInt8) {
        for place in places(id) {
            let old = counters[place]
            if old == 0 { usedCounters += 1 }
            counters[place] = max(old & 15, pulls) | max(old >> 4, pushes) << 4
        }
    }

    private func halve() {
        isProof = false
        usedCounters = 0
        for place in counters.indices where counters[place] != 0 {
            counters[place] = counters[place] >> 1 & 0x77
            if counters[place] != 0 { usedCounters += 1 }
        }
    }

    func admit(_ id: UInt64, unasked: Bool, keeping: Bool) -> AdmissionResult {
        lock.withLock {
            // Below the threshold it would seem to have no row.
            raise(id, pulls: admitAfter, pushes: admitAfter)
            admissions += 1
            return .admitted(insteadOf: nil)
        }
    }

    var figures: AdmissionFigures {
        lock.withLock {
            AdmissionFigures(
                owners: nil, candidates: usedCounters / Self.hashCount, admissions: admissions,
                retirements: 0, bytes: counters.count)
        }
    }

    /// Counters do not say whose they are.
    let countedIDs = CountedIDs()

    let byteCount: Int

    // MARK: across restarts

    private static let sliceBytes = 64 << 10

    /// Counters, whether counts are proof 1.
    func save(_ write: ([UInt8]) throws(StoreError) -> Void) throws(StoreError) {
        for start in stride(from: 0, to: byteCount, by: Self.sliceBytes) {
            try write(lock.withLock { Array(counters[start...].prefix(Self.sliceBytes)) })
        }
        try write(lock.withLock { [isProof ? 1 : 0] })
    }

    func restore(_ saved: [UInt8], isCurrent: Bool) -> Bool {
        guard saved.count == counters.count + 1 else { return false }
        lock.withLock {
            isProof = isCurrent && saved.last == 1
            counters = Array(saved.dropLast())
            usedCounters = counters.count { $0 != 0 }
        }
        return true
    }

    func restore(owners: [UInt64]) {}
}
