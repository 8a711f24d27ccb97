internal import CTRLab
internal import EmbeddingClient
internal import EmbeddingWire
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// A load on one table: its connections, and the phases that `bench` goes through.
struct Load {
    /// What to do, from the command line.
    struct Plan: Sendable {
        var rows: UInt64
        var distribution: IDDistribution
        var mix: OperationMix
        var batch: Int
        var connections: Int
        var depth: Int
        /// Requests ahead of which ids are announced.
        var announce: Int
        var create: Bool
        var format: RowFormat
        var warmupSeconds: Double
        var extent: Extent
        var seed: UInt64
    }

    /// When a load ends.
    enum Extent: Sendable {
        case seconds(Double)
        /// Of all connections together.
        case requests(Int)
    }

    private let plan: Plan
    /// The table, once for each connection.
    private let tables: [EmbeddingTable]

    /// Ids that are drawn ahead of time, over all connections; after them they come again.
    ///
    /// Enough that uniform ids of a large table do not stay in the processor's caches.
    private static let idsAhead = 1 << 22

    init(_ plan: Plan, tables: [EmbeddingTable]) {
        self.plan = plan
        self.tables = tables
    }

    /// Makes a row for every id of the plan.
    func preload() async throws {
        let batch = min(4096, tables[0].client.idsMax)
        let settings = LoadWorker.Settings(
            depth: min(4, tables[0].client.requestsInFlightMax), announce: 0, create: true,
            format: .float32, values: [], end: nil)
        let progress = LoadWorker.Progress()
        let rows = plan.rows
        _ = try await withProgress("preload", of: rows, progress) {
            try await each { index, table in
                let stride = UInt64(batch * tables.count)
                return try await LoadWorker.run(table, settings, progress) {
                    var first = UInt64(batch * index)
                    return {
                        guard first < rows else { return nil }
                        let ranks = first..<min(first + UInt64(batch), rows)
                        first += stride
                        return LoadWorker.Call(
                            operation: .pull, ids: ranks.map(IDDistribution.id), counts: false)
                    }
                }
            }
        }
    }

    /// Warms up, measures, and adds up what all connections did.
    ///
    /// - Returns: what was done within so many seconds.
    func run() async throws -> (tallies: LoadWorker.Tallies, seconds: Double) {
        let rings = tables.indices.map { index in
            plan.distribution.batches(
                batchesAhead(ofConnection: index), of: plan.batch, rows: plan.rows,
                seed: SplitMix64.mix(plan.seed &+ UInt64(index)))
        }
        var random = SplitMix64(seed: plan.seed)
        let values =
            plan.mix.writes
            ? (0..<plan.batch * tables[0].dimension).map { _ in
                Float.random(in: -0.01..<0.01, using: &random)
            } : []

        let start = NIODeadline.now() + .nanoseconds(Int64(plan.warmupSeconds * 1e9))
        let end: NIODeadline? =
            switch plan.extent {
            case .seconds(let seconds): start + .nanoseconds(Int64(seconds * 1e9))
            case .requests: nil
            }
        let settings = LoadWorker.Settings(
            depth: plan.depth, announce: plan.announce, create: plan.create, format: plan.format,
            values: values, end: end)
        let progress = LoadWorker.Progress()
        let tallies = try await withProgress("bench", of: nil, progress) {
            try await each { index, table in
                let ring = rings[index]
                let budget = requests(ofConnection: index)
                return try await LoadWorker.run(table, settings, progress) {
                    calls(ring, index: index, start: start, end: end, requests: budget)
                }
            }
        }
        let finish = end ?? .now()
        let seconds = Double((finish - start).nanoseconds) / 1e9
        return (tallies, seconds)
    }

    /// The calls of one connection: the ring's batches in turn until time or requests are up.
    private func calls(
        _ ring: [[UInt64]], index: Int, start: NIODeadline, end: NIODeadline?, requests: Int?
    ) -> () -> LoadWorker.Call? {
        var random = SplitMix64(seed: SplitMix64.mix(plan.seed ^ UInt64(index) << 32))
        var cursor = 0
        var left = requests
        let mix = plan.mix
        return {
            let now = NIODeadline.now()
            if let end, now >= end { return nil }
            // Requests that are out when the warm-up ends count where time is measured, and
            // do not where requests are: each rule gives exactly what was asked for.
            let counts = end != nil || now >= start
            if counts, let remaining = left {
                guard remaining > 0 else { return nil }
                left = remaining - 1
            }
            let ids = ring[cursor]
            cursor = cursor + 1 == ring.count ? 0 : cursor + 1
            return LoadWorker.Call(operation: mix.next(using: &random), ids: ids, counts: counts)
        }
    }

    /// Batches to draw ahead of time: no more than are sent, where that is known.
    private func batchesAhead(ofConnection index: Int) -> Int {
        let batches = max(16, Self.idsAhead / tables.count / plan.batch)
        guard plan.warmupSeconds == 0, let requests = requests(ofConnection: index) else {
            return batches
        }
        return min(batches, max(requests, 1))
    }

    /// The share of one connection; none when time decides.
    private func requests(ofConnection index: Int) -> Int? {
        guard case .requests(let requests) = plan.extent else { return nil }
        return requests / tables.count + (index < requests % tables.count ? 1 : 0)
    }

    /// Does the same on every connection at once, and adds up what each did.
    private func each(
        _ body: @escaping @Sendable (Int, EmbeddingTable) async throws -> LoadWorker.Tallies
    ) async throws -> LoadWorker.Tallies {
        try await withThrowingTaskGroup(of: LoadWorker.Tallies.self) { group in
            for (index, table) in tables.enumerated() {
                group.addTask { try await body(index, table) }
            }
            return try await group.reduce(into: [:]) { sum, tallies in
                sum.merge(tallies) { first, second in
                    var both = first
                    both.add(second)
                    return both
                }
            }
        }
    }

    /// Shows on a terminal how fast `body` gets on, once a second.
    private func withProgress<Result>(
        _ title: String, of rows: UInt64?, _ progress: LoadWorker.Progress,
        _ body: () async throws -> Result
    ) async throws -> Result {
        let display = Task {
            var before = 0
            while true {
                try await Task.sleep(for: .seconds(1))
                let now = progress.rows.load(ordering: .relaxed)
                let share = rows.map { " of \(Units.count($0))" } ?? ""
                StandardError.showProgress(
                    "\(title): \(Units.count(UInt64(now)))\(share) rows, "
                        + "\(Units.rate(Double(now - before))) rows/s")
                before = now
            }
        }
        defer {
            display.cancel()
            StandardError.clearProgress()
        }
        return try await body()
    }
}
