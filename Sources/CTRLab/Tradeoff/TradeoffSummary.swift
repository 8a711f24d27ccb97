/// What a comparison has found: a point for each contestant, budget and precision, over the seeds.
public struct TradeoffSummary: Sendable, Hashable, Codable {
    public struct Point: Sendable, Hashable, Codable {
        public var contestant: Contestant
        public var variant: String
        public var precision: String
        public var scheme: String
        /// What the contestant was to keep to.
        public var budgetRatio: Double
        /// What it came to: the full table in float32 over its rows.
        public var ratio: Double
        public var bytes: RunReport.Bytes
        public var seeds: Int
        public var testAUC: Spread
        public var testLogloss: Spread
        public var validAUC: Spread
        /// Test AUC less that of the full table in float32 with the same seed.
        public var againstFull: Spread?
        /// Test AUC less that of the same in float32 with the same seed.
        public var againstFloat32: Spread?
        public var samplesPerSecond: Double
        /// Of all its runs together.
        public var seconds: Double
        /// Whether no variant of the contestant has a better validation AUC at this budget.
        public var isBestVariant = true
        /// Whether nothing with as few bytes of rows has a better test AUC.
        public var isOnFront = false
    }

    public var model: String
    /// Of the rows, as tuned.
    public var learningRate: Double
    public var embeddingL2: Float
    public var tuningRuns: Int
    public var points: [Point]

    /// Throws `badInput` when there is no run to compare.
    public init(_ records: [TradeoffRecord]) throws(CTRLabError) {
        let compared = records.filter { $0.stage == .comparison }
        guard let first = compared.first else { throw .badInput("no run to compare") }
        model = first.report.model
        learningRate = first.learningRate
        embeddingL2 = first.embeddingL2
        tuningRuns = records.count - compared.count
        var order: [Place] = []
        var groups: [Place: [TradeoffRecord]] = [:]
        for record in compared {
            let place = Place(record)
            if groups[place] == nil { order.append(place) }
            groups[place, default: []].append(record)
        }
        let fullPlace = order.first { $0.contestant == .full && $0.precision == "float32" }
        let full = fullPlace.flatMap { groups[$0] }
        points = order.map { place in
            var exact = place
            exact.precision = "float32"
            return Point(place, groups[place]!, full: full, float32: groups[exact])  // In `order`.
        }
        markBestVariants()
        markFront()
    }

    /// The runs of a point have this in common.
    fileprivate struct Place: Hashable {
        var contestant: Contestant
        var variant: String
        var budgetRatio: Double
        var precision: String

        init(_ record: TradeoffRecord) {
            contestant = record.contestant
            variant = record.variant
            budgetRatio = record.budgetRatio
            precision = record.report.precision
        }
    }

    /// By validation: the test rows decide nothing.
    private mutating func markBestVariants() {
        for (index, point) in points.enumerated() {
            points[index].isBestVariant = !points.contains {
                $0.contestant == point.contestant && $0.budgetRatio == point.budgetRatio
                    && $0.precision == point.precision
                    && $0.validAUC.mean > point.validAUC.mean
            }
        }
    }

    private mutating func markFront() {
        for (index, point) in points.enumerated() {
            points[index].isOnFront =
                point.isBestVariant
                && !points.contains {
                    $0.isBestVariant
                        && ($0.bytes.rows <= point.bytes.rows
                            && $0.testAUC.mean > point.testAUC.mean
                            || $0.bytes.rows < point.bytes.rows
                                && $0.testAUC.mean == point.testAUC.mean)
                }
        }
    }
}

extension TradeoffSummary.Point {
    fileprivate init(
        _ place: TradeoffSummary.Place, _ records: [TradeoffRecord], full: [TradeoffRecord]?,
        float32: [TradeoffRecord]?
    ) {
        let reports = records.map(\.report)
        func mean(_ value: (RunReport) -> Double) -> Double { Spread(reports.map(value)).mean }
        func difference(_ others: [TradeoffRecord]?) -> Spread? {
            guard let others else { return nil }
            let bySeed = Dictionary(
                others.map { ($0.report.seed, $0.report.testAUC) }, uniquingKeysWith: { $1 })
            let pairs = reports.compactMap { report in
                bySeed[report.seed].map { report.testAUC - $0 }
            }
            return pairs.isEmpty ? nil : Spread(pairs)
        }
        contestant = place.contestant
        variant = place.variant
        budgetRatio = place.budgetRatio
        precision = place.precision
        scheme = reports[0].scheme
        ratio = mean(\.ratio)
        bytes = RunReport.Bytes(
            rows: Int(mean { Double($0.bytes.rows) }),
            optimizerState: Int(mean { Double($0.bytes.optimizerState) }),
            index: Int(mean { Double($0.bytes.index) }),
            network: Int(mean { Double($0.bytes.network) }))
        seeds = reports.count
        testAUC = Spread(reports.map(\.testAUC))
        testLogloss = Spread(reports.map(\.testLogloss))
        validAUC = Spread(reports.map(\.validAUC))
        againstFull = difference(full)
        againstFloat32 = precision == "float32" ? nil : difference(float32)
        samplesPerSecond = mean(\.samplesPerSecond)
        seconds = reports.reduce(0) { $0 + $1.seconds }
    }
}
