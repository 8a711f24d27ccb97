/// One run of a comparison with its outcome: a line of the journal.
public struct TradeoffRecord: Sendable, Hashable {
    /// Of the run's settings and the log, by which an interrupted comparison finds it again.
    public var key: String
    public var stage: TradeoffRun.Stage
    public var contestant: Contestant
    public var variant: String
    /// What the contestant was to keep to; ``RunReport/ratio`` is what the store says.
    public var budgetRatio: Double
    /// Of the rows.
    public var learningRate: Double
    public var embeddingL2: Float
    public var report: RunReport

    init(_ run: TradeoffRun, key: String, _ report: RunReport) {
        self.key = key
        stage = run.stage
        contestant = run.contestant
        variant = run.variant
        budgetRatio = run.budgetRatio
        learningRate = run.learningRate
        embeddingL2 = run.embeddingL2
        self.report = report
    }
}

/// As one object: what the run was beside what ``RunReport`` has.
extension TradeoffRecord: Codable {
    private enum Key: String, CodingKey {
        case key, stage, contestant, variant, budgetRatio, learningRate, embeddingL2
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        key = try values.decode(String.self, forKey: .key)
        stage = try values.decode(TradeoffRun.Stage.self, forKey: .stage)
        contestant = try values.decode(Contestant.self, forKey: .contestant)
        variant = try values.decode(String.self, forKey: .variant)
        budgetRatio = try values.decode(Double.self, forKey: .budgetRatio)
        learningRate = try values.decode(Double.self, forKey: .learningRate)
        embeddingL2 = try values.decode(Float.self, forKey: .embeddingL2)
        report = try RunReport(from: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(key, forKey: .key)
        try values.encode(stage, forKey: .stage)
        try values.encode(contestant, forKey: .contestant)
        try values.encode(variant, forKey: .variant)
        try values.encode(budgetRatio, forKey: .budgetRatio)
        try values.encode(learningRate, forKey: .learningRate)
        try values.encode(embeddingL2, forKey: .embeddingL2)
        try report.encode(to: encoder)
    }
}
