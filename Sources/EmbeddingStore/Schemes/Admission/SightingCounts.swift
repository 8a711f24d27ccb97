/// How often an id has been seen: pulls and pushes apart, 13 bits each, as of an epoch.
///
/// ```
/// bits 0–12   pulls      bits 26–29  epoch in which the counts were last brought up to date
/// bits 13–25  pushes     bit 30      admitted       bit 31  kept
/// ```
/// Counts halve with every epoch, lazily.
struct SightingCounts {
    private(set) var bits: UInt32

    private static let countMax: UInt32 = (1 << 13) - 1
    private static let admitted: UInt32 = 1 << 30
    private static let kept: UInt32 = 1 << 31

    init(bits: UInt32) { self.bits = bits }

    init(pulls: UInt32 = 0, pushes: UInt32 = 0, epoch: UInt32) {
        bits = min(pulls, Self.countMax) | min(pushes, Self.countMax) << 13 | (epoch & 15) << 26
    }

    var pulls: UInt32 { bits & Self.countMax }
    var pushes: UInt32 { bits >> 13 & Self.countMax }

    var sightings: UInt32 { max(pulls, pushes) }

    /// What `sightings` would be after one more.
    func sightings(with sighting: Sighting?) -> UInt32 {
        switch sighting {
        case nil: sightings
        case .pull: max(pulls + 1, pushes)
        case .push: max(pulls, pushes + 1)
        }
    }

    var isAdmitted: Bool {
        get { bits & Self.admitted != 0 }
        set { bits = newValue ? bits | Self.admitted : bits & ~Self.admitted }
    }

    /// Admitted, and not to be retired.
    var isKept: Bool {
        get { bits & Self.kept != 0 }
        set { bits = newValue ? bits | Self.kept : bits & ~Self.kept }
    }

    mutating func count(_ sighting: Sighting) {
        switch sighting {
        case .pull where pulls < Self.countMax: bits += 1
        case .push where pushes < Self.countMax: bits += 1 << 13
        case .pull, .push: break
        }
    }

    mutating func decrement() {
        if pulls > 0 { bits -= 1 }
        if pushes > 0 { bits -= 1 << 13 }
    }

    /// Writes down the halvings since it was last looked at; returns how many.
    @discardableResult
    mutating func bringUpToDate(epoch: UInt32) -> UInt32 {
        let age = (epoch &- (bits >> 26)) & 15
        if age == 0 { return 0 }
        let flags = bits & (Self.admitted | Self.kept)
        self = SightingCounts(pulls: pulls >> age, pushes: pushes >> age, epoch: epoch)
        bits |= flags
        return age
    }
}
