/// What happened in a shard since the store was opened, in rows.
struct ShardStatistics {
    /// Pulled rows that were in memory, and those that were not.
    var hits = 0
    var misses = 0
    var created = 0
    var promotions = 0
    var demotions = 0
    /// Of the promotions those that an announcement asked for.
    var readAhead = 0
    /// Uses of rows that had been announced and were in memory.
    var announcedHits = 0
    /// Rows that expired or were shrunk away.
    var evictions = 0
    var rounding = RoundingStatistics()

    static func += (total: inout ShardStatistics, part: ShardStatistics) {
        total.hits += part.hits
        total.misses += part.misses
        total.created += part.created
        total.promotions += part.promotions
        total.demotions += part.demotions
        total.readAhead += part.readAhead
        total.announcedHits += part.announcedHits
        total.evictions += part.evictions
        total.rounding += part.rounding
    }
}
