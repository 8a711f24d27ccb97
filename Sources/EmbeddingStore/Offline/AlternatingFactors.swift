/// Factors whose products, element by element, come near to rows: of each id one factor belongs to
/// its quotient, the other to its remainder. They minimise
///
/// ```
/// Σ f(i) |x(i) − q(i div m) r(i mod m)|²
/// ```
/// in turns. With the factors of remainders held, that of a quotient is a weighted mean, and the other
/// way round; so no turn makes the error larger. Ids come in ascending order, hence those of a quotient
/// one after the other: its factor is found when they have been read, counts for those of the
/// remainders at once, and one pass through the table is a whole turn of both.
struct AlternatingFactors {
    private let columns: Int
    /// Numbers below this are remainders', the others quotients'.
    private let remainders: Int
    /// float32[remainders and quotients][columns].
    private(set) var factors: [Float]
    /// Of each remainder: sums of weight × row × factor of the quotient, and of weight × that squared.
    private var products: [Float]
    private var squares: [Float]
    /// What has been read of the quotient that is being read.
    private var quotient: Int?
    private var members: [(remainder: Int, weight: Float)] = []
    private var rows: [Float] = []
    /// Of the turn that is under way, and of the one before: the sum of weighted squared errors that
    /// the quotients' part of it has left.
    private var error = 0.0
    private var errorBefore = Double.infinity

    init(remainders: Int, quotients: Int, columns: Int) {
        self.columns = columns
        self.remainders = remainders
        factors = [Float](repeating: 1, count: (remainders + quotients) * columns)
        products = [Float](repeating: 0, count: remainders * columns)
        squares = products
    }

    /// Takes a row into account; rows of one quotient come one after the other.
    mutating func add(quotient number: Int, remainder: Int, _ row: [Float], weight: Float) {
        if quotient != number {
            solveQuotient()
            quotient = number
        }
        members.append((remainder, weight))
        rows.append(contentsOf: row)
    }

    /// Ends a turn. Returns what share of the error the turn has taken off.
    mutating func endTurn() -> Double {
        solveQuotient()
        Self.divide(products, by: squares, into: &factors, at: 0)
        for at in products.indices {
            products[at] = 0
            squares[at] = 0
        }
        defer {
            errorBefore = error
            error = 0
        }
        if errorBefore == .infinity { return 1 }
        return errorBefore == 0 ? 0 : 1 - (error / errorBefore).squareRoot()
    }

    private mutating func solveQuotient() {
        guard let quotient else { return }
        var product = [Float](repeating: 0, count: columns)
        var square = product
        for (at, member) in members.enumerated() {
            for column in 0..<columns {
                let factor = factors[member.remainder * columns + column]
                product[column] += member.weight * rows[at * columns + column] * factor
                square[column] += member.weight * factor * factor
            }
        }
        Self.divide(product, by: square, into: &factors, at: quotient * columns)
        for (at, member) in members.enumerated() {
            let start = member.remainder * columns
            var errors: Float = 0
            for column in 0..<columns {
                let value = rows[at * columns + column]
                let factor = factors[quotient * columns + column]
                let rest = value - factor * factors[start + column]
                errors += rest * rest
                products[start + column] += member.weight * value * factor
                squares[start + column] += member.weight * factor * factor
            }
            error += Double(member.weight * errors)
        }
        self.quotient = nil
        members.removeAll(keepingCapacity: true)
        rows.removeAll(keepingCapacity: true)
    }

    /// A factor of which nothing is known stays.
    private static func divide(
        _ products: [Float], by squares: [Float], into factors: inout [Float], at start: Int
    ) {
        for at in products.indices where squares[at] > 0 {
            factors[start + at] = products[at] / squares[at]
        }
    }
}
