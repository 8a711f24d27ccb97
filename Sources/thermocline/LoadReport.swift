internal import Foundation

/// What a load came to, as it is printed.
struct LoadReport: Encodable {
    struct Line: Encodable {
        var requests: Int
        var rows: Int
        var overloaded: Int
        var requestsPerSecond: Double
        var rowsPerSecond: Double
        /// Of the frames both ways, in units of 10^6 bytes.
        var megabytesPerSecond: Double
        var p50Us: Double
        var p99Us: Double
        var p999Us: Double
        var maxUs: Double
    }

    var table: String
    var dimension: Int
    var rows: UInt64
    var distribution: String
    var mix: String
    var batch: Int
    var connections: Int
    var depth: Int
    var announce: Int
    /// Bytes for pulled rows on each connection; missing where they came through the socket.
    var sharedMemory: Int?
    var format: String
    /// How long was measured, the warm-up not counted.
    var seconds: Double
    /// By operation.
    var operations: [String: Line]
    /// Of all that the mix has; announcements are not counted.
    var total: Line

    static func line(_ tally: LoadTally, seconds: Double) -> Line {
        Line(
            requests: tally.requests, rows: tally.rows, overloaded: tally.overloaded,
            requestsPerSecond: Double(tally.requests) / seconds,
            rowsPerSecond: Double(tally.rows) / seconds,
            megabytesPerSecond: Double(tally.bytes) / seconds / 1e6,
            p50Us: tally.latencyUs(50), p99Us: tally.latencyUs(99), p999Us: tally.latencyUs(99.9),
            maxUs: tally.latencyMaxUs)
    }

    var text: String {
        var text = TextTable(
            header: [
                "", "ROWS/S", "REQUESTS/S", "MB/S", "P50", "P99", "P99.9", "MAX", "REQUESTS",
                "OVERLOADED",
            ],
            numbers: Set(1...9))
        var lines = operations.sorted { $0.key < $1.key }
        let announcements = OperationMix.Operation.prefetch.rawValue
        if lines.count(where: { $0.key != announcements }) != 1 { lines.append(("total", total)) }
        for (name, line) in lines {
            text.add(
                name, Units.rate(line.rowsPerSecond), Units.rate(line.requestsPerSecond),
                Units.rate(line.megabytesPerSecond), Units.microseconds(line.p50Us),
                Units.microseconds(line.p99Us), Units.microseconds(line.p999Us),
                Units.microseconds(line.maxUs), Units.count(UInt64(line.requests)),
                Units.count(UInt64(line.overloaded)))
        }
        return text.text
    }
}
