/// When frequencies halve: as soon as more lookups miss than lately, and else seldom.
///
/// While the same rows stay popular, what was counted long ago is worth keeping: a rule that forgets
/// it confuses rare rows with those that are used now and then. When other rows become popular, it
/// is what keeps them out; then more lookups miss, and the counts of the old favourites have to go.
struct AgeingRule {
    /// The smallest share of misses that a period had; it creeps up to what the last ones have, or a
    /// good one would never be forgotten.
    private var fewest: Double?
    private var periodsSinceHalving = 0

    /// Periods after which frequencies halve in any case.
    static let periodsMax = 8
    /// How much worse than the best a period has to be: more than chance makes it.
    private static let worse = 1.1
    private static let creep = 0.03

    /// Whether frequencies halve after a period of so many uses, of which so many were misses.
    mutating func halves(uses: Int, misses: Int) -> Bool {
        let share = Double(misses) / Double(uses)
        let best = fewest ?? share
        fewest = min(share, best + Self.creep * (share - best))
        periodsSinceHalving += 1
        guard share > Self.worse * best || periodsSinceHalving == Self.periodsMax else {
            return false
        }
        periodsSinceHalving = 0
        return true
    }
}
