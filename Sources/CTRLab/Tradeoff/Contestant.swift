public import EmbeddingStore

/// One way to save the memory of rows.
public enum Contestant: String, Sendable, Hashable, Codable, CaseIterable {
    /// Every id has a row of its own.
    case full
    /// Every id has a row of its own, with fewer floats.
    case fewerDimensions = "fewer-dimensions"
    /// The most frequent training ids have rows of their own; the others share one in each field.
    case dropRare = "drop-rare"
    /// The same with fewer floats in a row, and more rows for it.
    case dropRareFewerDimensions = "drop-rare-fewer-dimensions"
    case hashed
    case doubleHashed = "double-hashed"
    case doubleHashedConcatenate = "double-hashed-concatenate"
    case quotientRemainder = "quotient-remainder"
    /// The most frequent ids have rows of their own, as the table finds them, and the others share.
    case frequencyDoubleHashed = "frequency-double-hashed"
    /// No rows: a network makes them of hashes of the id.
    case deepHash = "deep-hash"

    /// What it makes of the ids and the table at one budget.
    public struct Entry: Sendable, Hashable {
        /// What tells it from other entries of the contestant at the budget, as `own 50 %`.
        public var variant = ""
        public var ids = IDPreparation.none
        public var scheme = Scheme.full
        /// Sightings after which an id may earn a row of its own.
        public var admissionCount = 1
        /// Floats of an embedding, where they are not the full table's.
        public var dimension: Int?
    }

    /// What there is to choose within.
    public struct Budget: Sendable, Hashable {
        /// How many times smaller than the full table the rows are, all in the same precision.
        public var ratio: Double
        /// Distinct ids of the training rows, and of all rows.
        public var trainingIDs: Int
        public var allIDs: Int
        public var fields: Int
        public var model: ModelKind
        /// Floats of an embedding of the full table.
        public var dimension: Int
        /// Shares of the rows that belong to one id each, where the others are shared.
        public var ownShares: [Double]

        var rows: Int { max(1, Int(Double(trainingIDs) / ratio)) }
        var rowDimension: Int { model.rowDimension(dimension: dimension) }
        /// The dimension halved, and halved again, down to 1.
        var smallerDimensions: [Int] {
            Array(sequence(first: dimension / 2) { $0 > 1 ? $0 / 2 : nil }.prefix { $0 >= 1 })
        }
    }

    /// Its entries at a budget; none where it cannot keep to it.
    public func entries(_ budget: Budget, seed: UInt64) -> [Entry] {
        let rows = budget.rows
        switch self {
        case .full:
            return [Entry()]
        case .fewerDimensions:
            let weights = budget.rowDimension - budget.dimension
            let dimension = Int(Double(budget.rowDimension) / budget.ratio) - weights
            return dimension >= 1 && budget.dimension > dimension
                ? [Entry(variant: "dimension \(dimension)", dimension: dimension)] : []
        case .dropRare:
            let own = rows - budget.fields
            return own >= 1 ? [Entry(ids: .mostFrequent(own))] : []
        case .dropRareFewerDimensions:
            return budget.smallerDimensions.compactMap { dimension in
                let floats = budget.rowDimension * rows
                let own = floats / budget.model.rowDimension(dimension: dimension) - budget.fields
                // With a row for every id it would be fewer dimensions alone.
                guard (1..<budget.trainingIDs).contains(own) else { return nil }
                return Entry(
                    variant: "dimension \(dimension)", ids: .mostFrequent(own),
                    dimension: dimension)
            }
        case .hashed:
            return [Entry(scheme: .hashed(rows: rows))]
        case .doubleHashed:
            return [Entry(scheme: .doubleHashed(rows: rows, combine: .sum))]
        case .doubleHashedConcatenate:
            // Two halves of a row are of half the size.
            return budget.rowDimension % 2 == 0
                ? [Entry(scheme: .doubleHashed(rows: rows * 2, combine: .concatenate))] : []
        case .quotientRemainder:
            return Self.divisor(ids: budget.allIDs, rows: rows).map {
                [
                    Entry(
                        ids: .numbered(seed: seed),
                        scheme: .quotientRemainder(rows: $0, combine: .sum))
                ]
            } ?? []
        case .frequencyDoubleHashed:
            return budget.ownShares.compactMap { share in
                let own = Int(share * Double(rows))
                guard own >= 1, rows - own >= 1 else { return nil }
                return Entry(
                    variant: "own \(Int((share * 100).rounded())) %",
                    scheme: .frequencyDoubleHashed(own: own, shared: rows - own, score: .count),
                    admissionCount: 2)
            }
        case .deepHash:
            // The network's parameters are what the rows' floats are to the others.
            let floats = budget.rowDimension * rows
            let widths = Scheme.hiddenRange.lowerBound...Self.deepHashWidthMax
            let width = widths.last {
                Self.deepHashFloats(width: $0, dimension: budget.rowDimension) <= floats
            }
            return width.map { [Entry(scheme: .deepHash(hashes: 2 * $0, hidden: $0))] } ?? []
        }
    }

    /// Wider networks take hours on a processor.
    private static let deepHashWidthMax = 128

    /// Floats that a network of five hidden layers on twice as many hashes is kept in: weights with
    /// gain and shift of each unit, then the last layer, in rows of 256.
    static func deepHashFloats(width: Int, dimension: Int) -> Int {
        let first = (2 * width + 2) * width
        let others = 4 * (width + 2) * width
        let parameters = first + others + (width + 1) * dimension
        return (parameters + 255) / 256 * 256
    }

    /// The largest divisor with which remainders and quotients together need at most so many rows;
    /// nil where even the square root is too many.
    private static func divisor(ids: Int, rows: Int) -> Int? {
        let product = Double(rows) * Double(rows) - 4 * Double(ids)
        guard product >= 0 else { return nil }
        var divisor = Int((Double(rows) + product.squareRoot()) / 2)
        while divisor > 1, divisor + (ids + divisor - 1) / divisor > rows { divisor -= 1 }
        return divisor > 1 ? divisor : nil
    }
}
