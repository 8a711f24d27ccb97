/// Which rows leave the store for good.
struct EvictionRule: Sendable {
    /// Rows that are used less often, as of now, leave.
    var frequencyMin = 0
    /// Rows that were last used longer ago leave, in seconds; nil where their age is not kept or does
    /// not matter.
    var ageMax: UInt32?
    /// Seconds since 1970.
    var now: UInt32
    /// Of the frequencies.
    var epoch: UInt32

    func applies(frequency: UInt16, lastUse: UInt32) -> Bool {
        if Int(frequency) < frequencyMin { return true }
        guard let ageMax else { return false }
        return Lifetime.age(lastUse: lastUse, now: now) > ageMax
    }
}
