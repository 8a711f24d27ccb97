internal import Foundation

/// A click log that is drawn from a known distribution, so that the best possible AUC is known.
///
/// An id of field f is drawn by Zipf's law with the field's exponent. The probability of a click is
/// that of a factorization machine (Rendle, ICDM 2010) with normal weights:
///
///     p = σ(b + strength · (Σ w_i + Σ_{i<j} ⟨u_i, u_j⟩) / deviation),  w, u ~ N(0, 1)
///
/// in which the sum is divided by its deviation over all logs, so that `strength` is the deviation
/// of the logit. Weights are functions of the seed, the field and the id alone.
///
/// Ids may appear over time: the id of rank r has a first row, drawn with the weights, and before
/// it the next more frequent id that is there takes its place.
public struct SyntheticLog: Sendable {
    public struct Field: Sendable, Hashable {
        public var name: String
        /// Ids that there are.
        public var cardinality: Int
        /// Zipf's exponent, above 0: the id of rank r comes with probability ∝ r^−exponent.
        public var exponent: Double

        public init(_ name: String, cardinality: Int, exponent: Double) {
            self.name = name
            self.cardinality = cardinality
            self.exponent = exponent
        }
    }

    public struct Settings: Sendable, Hashable {
        public var rows: Int
        public var fields: [Field]
        /// The bias b, the logit of a typical click rate.
        public var bias: Double
        public var strength: Double
        /// The share of the variance of the logit that is in the products of pairs, in [0, 1].
        public var interactions: Double
        /// The share of ids that are not there in the first row but appear later.
        public var appearing: Double
        public var seed: UInt64

        public init(
            rows: Int, fields: [Field], bias: Double = -1, strength: Double = 1.5,
            interactions: Double = 0.1, appearing: Double = 0.1, seed: UInt64 = 1
        ) {
            self.rows = rows
            self.fields = fields
            self.bias = bias
            self.strength = strength
            self.interactions = interactions
            self.appearing = appearing
            self.seed = seed
        }
    }

    /// What can be reached at best on the rows that were drawn, by predicting the true probability.
    public struct Summary: Sendable, Hashable, Codable {
        public var rows: Int
        public var clicks: Int
        public var bestAUC: Double
        public var bestLogloss: Double
        /// The same of the last tenth of the rows.
        public var bestAUCLastTenth: Double
        public var bestLoglossLastTenth: Double
        /// Distinct ids that were drawn.
        public var ids: Int
    }

    /// Elements of u.
    private static let latentCount = 4

    private let settings: Settings
    private let samplers: [ZipfSampler]

    /// Throws `badSettings` for settings that no log can have.
    public init(_ settings: Settings) throws(CTRLabError) {
        func check(_ condition: Bool, _ problem: String) throws(CTRLabError) {
            guard condition else { throw .badSettings(problem) }
        }
        try check(settings.rows >= 20, "a log has at least 20 rows")
        try check(!settings.fields.isEmpty, "a log has at least one field")
        for field in settings.fields {
            try check(
                (1...1 << 40).contains(field.cardinality),
                "the cardinality of \(field.name) is 1 to 2^40")
            try check(
                field.exponent > 0 && field.exponent.isFinite,
                "the exponent of \(field.name) is above 0")
            // What would have to be quoted in the header.
            try check(
                !field.name.isEmpty && !field.name.contains { ",;\t\"\n\r".contains($0) },
                "a field's name is not empty and has no comma, semicolon, tab, quote or line end")
        }
        let names = settings.fields.map(\.name) + ["click"]
        try check(Set(names).count == names.count, "fields have different names, none 'click'")
        try check(settings.bias.isFinite, "the bias is a finite number")
        try check(
            settings.strength >= 0 && settings.strength.isFinite, "the strength is at least 0")
        try check((0...1).contains(settings.interactions), "the interactions' share is 0 to 1")
        try check((0...1).contains(settings.appearing), "the appearing share is 0 to 1")
        self.settings = settings
        samplers = settings.fields.map {
            ZipfSampler(count: UInt64($0.cardinality), exponent: $0.exponent)
        }
    }

    /// Writes the rows as CSV with a header: `click`, then a column for each field.
    ///
    /// - Parameters:
    ///   - probabilities: where to write the true probability of each row, a line each; nil for
    ///     nowhere.
    ///   - report: is called with the rows so far, every 65536 rows.
    /// - Throws: `cannotWrite`; there are no files then.
    public func write(
        to path: String, probabilities: String? = nil, report: (Int) -> Void = { _ in }
    ) throws(CTRLabError) -> Summary {
        let file = try TextFile(path: path)
        let truth: TextFile?
        if let probabilities { truth = try TextFile(path: probabilities) } else { truth = nil }
        try file.write((["click"] + settings.fields.map(\.name)).joined(separator: ",").utf8)
        try file.write([UInt8(ascii: "\n")])
        var scores: [Float] = []
        var labels: [Float] = []
        var ids: Set<UInt64> = []
        var random = SplitMix64(seed: SplitMix64.mix(settings.seed))
        for row in 0..<settings.rows {
            let ranks = draw(at: Double(row) / Double(settings.rows), &random)
            let probability = probability(ranks)
            let isClick = random.unit() < probability
            scores.append(Float(probability))
            labels.append(isClick ? 1 : 0)
            var line = isClick ? "1" : "0"
            for (field, rank) in ranks.enumerated() {
                let id = id(field, rank)
                ids.insert(id)
                line += ",\(String(id, radix: 16))"
            }
            try file.write((line + "\n").utf8)
            try truth?.write("\(probability)\n".utf8)
            if row & 0xFFFF == 0xFFFF { report(row + 1) }
        }
        let last = settings.rows - settings.rows / 10
        guard let auc = AUC.of(scores: scores, labels: labels),
            let lastAUC = AUC.of(scores: Array(scores[last...]), labels: Array(labels[last...]))
        else {
            throw .badSettings("the rows drawn are all of one class; change the bias")
        }
        try file.finish()
        try truth?.finish()
        return Summary(
            rows: settings.rows, clicks: labels.count { $0 > 0.5 }, bestAUC: auc,
            bestLogloss: LogLoss.of(probabilities: scores, labels: labels),
            bestAUCLastTenth: lastAUC,
            bestLoglossLastTenth: LogLoss.of(
                probabilities: Array(scores[last...]), labels: Array(labels[last...])),
            ids: ids.count)
    }

    /// The ranks of a row's ids; `time` runs from 0 to 1.
    private func draw(at time: Double, _ random: inout SplitMix64) -> [UInt64] {
        samplers.enumerated().map { field, sampler in
            var rank = sampler.next(using: &random)
            // The first id of a field is always there.
            while rank > 1, time < appearance(field, rank) { rank -= 1 }
            return rank
        }
    }

    /// When an id appears: 0 for those that are there from the start.
    private func appearance(_ field: Int, _ rank: UInt64) -> Double {
        var random = generator(field, rank, 1)
        return random.unit() < settings.appearing ? random.unit() : 0
    }

    private func probability(_ ranks: [UInt64]) -> Double {
        var linear = 0.0
        var sums = [Double](repeating: 0, count: Self.latentCount)
        var squares = 0.0
        for (field, rank) in ranks.enumerated() {
            var random = generator(field, rank, 2)
            linear += random.normal()
            for index in sums.indices {
                let u = random.normal()
                sums[index] += u
                squares += u * u
            }
        }
        // The variances of the two sums are the numbers of their terms.
        let fields = Double(ranks.count)
        let pairs = fields * (fields - 1) / 2 * Double(Self.latentCount)
        let products = 0.5 * (sums.reduce(0) { $0 + $1 * $1 } - squares)
        let share = pairs > 0 ? settings.interactions : 0
        let logit =
            settings.bias + settings.strength
            * ((1 - share).squareRoot() * linear / fields.squareRoot()
                + (pairs > 0 ? share.squareRoot() * products / pairs.squareRoot() : 0))
        return 1 / (1 + exp(-logit))
    }

    /// Spread over 48 bits, so that the order of ids says nothing about how often they come.
    private func id(_ field: Int, _ rank: UInt64) -> UInt64 {
        var random = generator(field, rank, 3)
        return random.next() >> 16
    }

    /// Random numbers that belong to an id.
    private func generator(_ field: Int, _ rank: UInt64, _ purpose: UInt64) -> SplitMix64 {
        let place = SplitMix64.mix(settings.seed &+ UInt64(field) << 8 &+ purpose)
        return SplitMix64(seed: SplitMix64.mix(place ^ rank))
    }
}
