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

    /// What requests and replies of all connections hold.
    struct RequestMemoryFigures: Encodable {
        var limitBytes: Int
        var heldBytes: Int
        /// Beside them, for the rows of replies.
        var sharedBytes: Int
    }

    /// Requests that wait for the disk threads or are on one.
    struct DiskQueue: Encodable {
        var limit: Int
        var requests: Int
    }

    struct Refused: Encodable {
        var overloaded: Int
        var connections: Int
    }

    /// Connections that were waited for too long.
    struct CutOff: Encodable {
        var handshake: Int
        var receive: Int
        var send: Int
        var idle: Int
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

    /// What keeping rows in fewer bits has cost, in elements.
    struct Rounding: Encodable {
        var written: Int
        var clipped: Int
        var clippedShare: Double
        var moved: Int
        var vanished: Int
        var vanishedShare: Double

        init(_ figures: RoundingStatistics) {
            written = figures.written
            clipped = figures.clipped
            clippedShare = figures.clippedShare
            moved = figures.moved
            vanished = figures.vanished
            vanishedShare = figures.vanishedShare
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
        var announced: TableStatistics.Announced
        var evictions: Int
        var rounding: Rounding
        /// Of a table whose scheme admits ids.
        var admission: AdmissionFigures?
        /// Only where one table was asked for: it takes a look at every row in memory.
        var hotFields: FieldStatistics?

        init(_ figures: TableStatistics, hotFields: FieldStatistics? = nil) {
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
            announced = figures.announced
            evictions = figures.evictions
            rounding = Rounding(figures.rounding)
            admission = figures.admission
            self.hotFields = hotFields
        }
    }

    var uptimeSeconds: Double
    var memory: Memory
    /// Why rows cannot be written to disk; missing when they can.
    var diskFailure: String?
    var connections: Int
    var requestMemory: RequestMemoryFigures
    var diskQueue: DiskQueue
    var refused: Refused
    var cutOff: CutOff
    var hits: Int
    var misses: Int
    var hitRatio: Double
    var promotions: Int
    var demotions: Int
    var requests: [String: Requests]
    var tables: [Table]

    init(
        _ store: StoreStatistics, _ statistics: RequestStatistics, _ shared: RequestMemory,
        _ queue: WorkQueue
    ) {
        uptimeSeconds = Double((NIODeadline.now() - statistics.started).nanoseconds) / 1e9
        memory = Memory(limitBytes: store.memoryLimitBytes, hotBytes: store.hotBytes)
        diskFailure = store.diskFailure.map { "\($0)" }
        let limits = statistics.limitFigures
        connections = limits.connections
        requestMemory = .init(
            limitBytes: shared.limitBytes, heldBytes: shared.takenBytes,
            sharedBytes: shared.sharedBytes)
        diskQueue = .init(limit: queue.countMax, requests: queue.count)
        refused = .init(overloaded: limits.overloaded, connections: limits.refusedConnections)
        cutOff = .init(
            handshake: limits.cutOff[.handshake, default: 0],
            receive: limits.cutOff[.receive, default: 0],
            send: limits.cutOff[.send, default: 0], idle: limits.cutOff[.idle, default: 0])
        tables = store.tables.map { Table($0) }
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
