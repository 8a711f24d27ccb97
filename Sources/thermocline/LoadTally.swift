internal import Histogram

/// What a load did with one operation, and how long each request took.
struct LoadTally: Sendable {
    var requests = 0
    var rows = 0
    /// Of the frames both ways, headers included.
    var bytes = 0
    /// Replies of `overloaded`, after which the request is sent again; any other error ends the
    /// load.
    var overloaded = 0
    /// Nanoseconds from the request's sending to its reply, up to a minute.
    private(set) var latency = Histogram<UInt64>(
        highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)

    mutating func record(latencyNs: Int64, rows: Int, bytes: Int) {
        requests += 1
        self.rows += rows
        self.bytes += bytes
        latency.record(min(UInt64(max(latencyNs, 0)), latency.highestTrackableValue))
    }

    mutating func add(_ other: LoadTally) {
        requests += other.requests
        rows += other.rows
        bytes += other.bytes
        overloaded += other.overloaded
        latency.add(other.latency)
    }

    /// Microseconds that `percentile` per cent of the requests took at most.
    func latencyUs(_ percentile: Double) -> Double {
        requests == 0 ? 0 : Double(latency.valueAtPercentile(percentile)) / 1000
    }

    var latencyMaxUs: Double { requests == 0 ? 0 : Double(latency.max) / 1000 }
}
