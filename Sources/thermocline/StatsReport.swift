internal import Foundation

/// What a server says about itself.
struct StatsReport: Decodable {
    struct Memory: Decodable {
        var limitBytes: UInt64
        var hotBytes: UInt64
    }

    struct RequestMemory: Decodable {
        var limitBytes: UInt64
        var heldBytes: UInt64
        /// Missing in a server that shares none.
        var sharedBytes: UInt64?
    }

    struct DiskQueue: Decodable {
        var limit: UInt64
        var requests: UInt64
    }

    struct Refused: Decodable {
        var overloaded: UInt64
        var connections: UInt64
    }

    struct CutOff: Decodable {
        var handshake: UInt64
        var receive: UInt64
        var send: UInt64
        var idle: UInt64
    }

    struct Requests: Decodable {
        var count: UInt64
        var errors: UInt64
        var rows: UInt64
        var p50Us: Double
        var p99Us: Double
        var p999Us: Double
        var maxUs: Double
    }

    struct Tier: Decodable {
        var rows: UInt64
        var bytes: UInt64
    }

    struct Rounding: Decodable {
        var written: UInt64
        var clippedShare: Double
        var moved: UInt64
        var vanishedShare: Double
    }

    struct Announced: Decodable {
        var held: UInt64
        var readAhead: UInt64
        var hits: UInt64
    }

    struct Table: Decodable {
        var name: String
        var rows: UInt64
        var hot: Tier
        var cold: Tier
        var hitRatio: Double
        var promotions: UInt64
        var demotions: UInt64
        /// Nil from a server that does not count it.
        var rounding: Rounding?
        /// Nil from a server that takes no announcements.
        var announced: Announced?
    }

    var uptimeSeconds: Double
    var memory: Memory
    var hits: UInt64
    var misses: UInt64
    var hitRatio: Double
    var promotions: UInt64
    var demotions: UInt64
    /// Why the server cannot write rows to disk.
    var diskFailure: String?
    var connections: UInt64
    var requestMemory: RequestMemory
    var diskQueue: DiskQueue
    var refused: Refused
    var cutOff: CutOff
    /// By operation.
    var requests: [String: Requests]
    var tables: [Table]

    /// The report as lined up tables.
    ///
    /// - Parameter previous: an earlier report of the same server; with it, rates are shown for the
    ///   time in between instead of the whole time the server has been up.
    func text(since previous: StatsReport? = nil) -> String {
        [summary, tablesText, announcedText, roundingText, requestsText(since: previous)]
            .filter { !$0.isEmpty }.joined(separator: "\n\n")
    }

    private var summary: String {
        var text = TextTable()
        let share = memory.limitBytes > 0 ? Double(memory.hotBytes) / Double(memory.limitBytes) : 0
        text.add("up", Units.duration(seconds: uptimeSeconds))
        text.add(
            "memory",
            "\(Units.bytes(memory.hotBytes)) of \(Units.bytes(memory.limitBytes)) "
                + "(\(Units.percent(share)))")
        text.add(
            "hit ratio",
            "\(Units.percent(hitRatio)) (\(Units.count(hits)) hits, "
                + "\(Units.count(misses)) misses)")
        text.add("promotions", Units.count(promotions))
        text.add("demotions", Units.count(demotions))
        text.add("connections", "\(connections)")
        text.add(
            "requests hold",
            "\(Units.bytes(requestMemory.heldBytes)) of \(Units.bytes(requestMemory.limitBytes))")
        if let shared = requestMemory.sharedBytes, shared > 0 {
            text.add("clients share", Units.bytes(shared))
        }
        text.add("disk queue", "\(diskQueue.requests) of \(diskQueue.limit)")
        text.add(
            "refused",
            "\(Units.count(refused.overloaded)) requests, "
                + "\(Units.count(refused.connections)) connections")
        text.add(
            "cut off",
            "\(Units.count(cutOff.handshake)) handshake, \(Units.count(cutOff.receive)) receive, "
                + "\(Units.count(cutOff.send)) send, \(Units.count(cutOff.idle)) idle")
        if let diskFailure { text.add("disk failure", diskFailure) }
        return text.text
    }

    private var tablesText: String {
        guard !tables.isEmpty else { return "" }
        var text = TextTable(
            header: [
                "TABLE", "ROWS", "HOT ROWS", "HOT", "COLD ROWS", "COLD", "HIT RATIO", "PROMOTED",
                "DEMOTED",
            ],
            numbers: Set(1...8))
        for table in tables {
            text.add(
                table.name, Units.count(table.rows), Units.count(table.hot.rows),
                Units.bytes(table.hot.bytes), Units.count(table.cold.rows),
                Units.bytes(table.cold.bytes), Units.percent(table.hitRatio),
                Units.count(table.promotions), Units.count(table.demotions))
        }
        return text.text
    }

    /// Of tables of which rows have been announced.
    private var announcedText: String {
        let used = tables.compactMap { table in
            table.announced.flatMap {
                $0.held + $0.readAhead + $0.hits > 0 ? (table.name, $0) : nil
            }
        }
        guard !used.isEmpty else { return "" }
        var text = TextTable(
            header: ["ANNOUNCED", "HELD", "READ AHEAD", "HITS"], numbers: Set(1...3))
        for (name, announced) in used {
            text.add(
                name, Units.count(announced.held), Units.count(announced.readAhead),
                Units.count(announced.hits))
        }
        return text.text
    }

    /// Of tables that round rows to fewer bits.
    private var roundingText: String {
        let rounded = tables.compactMap { table in
            table.rounding.flatMap { $0.written > 0 ? (table.name, $0) : nil }
        }
        guard !rounded.isEmpty else { return "" }
        var text = TextTable(
            header: ["ROUNDING", "WRITTEN", "CLIPPED", "MOVED", "VANISHED"], numbers: Set(1...4))
        for (name, rounding) in rounded {
            text.add(
                name, Units.count(rounding.written), Units.percent(rounding.clippedShare),
                Units.count(rounding.moved), Units.percent(rounding.vanishedShare))
        }
        return text.text
    }

    private func requestsText(since previous: StatsReport?) -> String {
        let used = requests.filter { $0.value.count > 0 }.sorted { $0.key < $1.key }
        guard !used.isEmpty else { return "" }
        var text = TextTable(
            header: [
                "REQUESTS", "COUNT", "ERRORS", "ROWS", "ROWS/S", "P50", "P99", "P99.9", "MAX",
            ],
            numbers: Set(1...8))
        let seconds = max(uptimeSeconds - (previous?.uptimeSeconds ?? 0), 1e-3)
        for (operation, request) in used {
            let before = previous?.requests[operation]?.rows ?? 0
            // A server that was started anew counts from 0 again.
            let rows = request.rows >= before ? request.rows - before : request.rows
            text.add(
                operation, Units.count(request.count), Units.count(request.errors),
                Units.count(request.rows), Units.rate(Double(rows) / seconds),
                Units.microseconds(request.p50Us), Units.microseconds(request.p99Us),
                Units.microseconds(request.p999Us), Units.microseconds(request.maxUs))
        }
        return text.text
    }
}
