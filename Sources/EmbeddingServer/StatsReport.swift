internal import EmbeddingStore
internal import EmbeddingWire
internal import Histogram
internal import NIOCore

/// The answer to a `stats` request as JSON; the names are documented in Protocol.md.
struct StatsReport: Report {
    struct Memory: Encodable {
        var limitBytes: Int
        var hotBytes: Int
    }

    struct Requests: Encodable {
        var count: Int
        var errors: Int
        var rows: Int
        var p50Us: UInt64
        var p99Us: UInt64
        var p999Us: UInt64
        var maxUs: UInt64

        init(_ figures: RequestStatistics.Figures) {
            count = figures.count
            errors = figures.errors
            rows = figures.rows
            p50Us = figures.latencyUs.valueAtPercentile(50)
            p99Us = figures.latencyUs.valueAtPercentile(99)
            p999Us = figures.latencyUs.valueAtPercentile(99.9)
            maxUs = figures.latencyUs.max
        }
    }

    struct Table: Report {
        var name: String
        var number: UInt32
        var rows: Int
        var hot: TableStatistics.Tier
        var cold: TableStatistics.Tier
        var hits: Int
        var misses: Int
        var hitRatio: Double
        var created: Int
        var promotions: Int
        var demotions: Int

        init(_ figures: TableStatistics) {
            name = figures.name
            number = figures.number
            rows = figures.rows
            hot = figures.hot
            cold = figures.cold
            hits = figures.hits
            misses = figures.misses
            hitRatio = figures.hitRatio
            created = figures.created
            promotions = figures.promotions
            demotions = figures.demotions
        }
    }

    var uptimeSeconds: Double
    var memory: Memory
    var connections: Int
    var hits: Int
    var misses: Int
    var hitRatio: Double
    var promotions: Int
    var demotions: Int
    var requests: [String: Requests]
    var tables: [Table]

    init(_ store: StoreStatistics, _ statistics: RequestStatistics) {
        uptimeSeconds = Double((NIODeadline.now() - statistics.started).nanoseconds) / 1e9
        memory = Memory(limitBytes: store.memoryLimitBytes, hotBytes: store.hotBytes)
        connections = statistics.connectionCount
        tables = store.tables.map(Table.init)
        hits = tables.reduce(0) { $0 + $1.hits }
        misses = tables.reduce(0) { $0 + $1.misses }
        hitRatio = hits + misses == 0 ? 1 : Double(hits) / Double(hits + misses)
        promotions = tables.reduce(0) { $0 + $1.promotions }
        demotions = tables.reduce(0) { $0 + $1.demotions }
        requests = [:]
        for operation in Operation.allCases {
            let figures = statistics.figures(of: operation)
            if figures.count > 0 { requests["\(operation)"] = Requests(figures) }
        }
        if statistics.unknown.count > 0 { requests["unknown"] = Requests(statistics.unknown) }
    }
}
