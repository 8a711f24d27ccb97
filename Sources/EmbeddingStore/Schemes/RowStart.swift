/// What the rows of a table start as, by key.
///
/// An own row starts as the schema says. Shared rows that are combined start so that what an id is
/// served has the same distribution as an own row.
struct RowStart: Sendable {
    private let initializer: Initializer
    private let shared: Initializer
    /// Keys from here on are those of `shared`.
    let firstShared: UInt64
    /// What the rows of a network start as, all of them.
    private let network: DeepHashStart?

    init(_ schema: TableSchema) {
        initializer = schema.initializer
        network = DeepHashStart(schema)
        switch schema.scheme {
        case .full, .deepHash:
            shared = initializer
            firstShared = .max
        case .hashed, .frequencyFiltered,
            .doubleHashed(_, .concatenate), .quotientRemainder(_, .concatenate):
            shared = initializer
            firstShared = 0
        case .doubleHashed, .quotientRemainder(_, .sum):
            shared = initializer.half
            firstShared = 0
        case .frequencyDoubleHashed(_, let rows, _):
            shared = initializer.half
            firstShared = ~(UInt64(rows) - 1)
        case .quotientRemainder(let rows, .multiply):
            // One factor starts as the row, the other as 1.
            shared = .constant(1)
            firstShared = ~(UInt64(rows) - 1)
        }
    }

    private func initializer(of key: UInt64) -> Initializer {
        key >= firstShared ? shared : initializer
    }

    /// Writes the start of a row: the same for the same seed and key, everywhere.
    func fill(_ row: UnsafeMutablePointer<Float>, count: Int, seed: UInt64, key: UInt64) {
        if let network { return unsafe network.fill(row, key: key) }
        unsafe initializer(of: key).fill(row, count: count, seed: seed, key: key)
    }

    /// Every element of the row that is served in place of one that does not exist.
    func mean(of key: UInt64) -> Float { initializer(of: key).mean }
}

extension Initializer {
    /// What two rows start as, independently, whose sum has the mean and the variance of this.
    var half: Initializer {
        let shrink = 0.5.squareRoot()
        switch self {
        case .zeros: return .zeros
        case .constant(let value): return .constant(value / 2)
        case .uniform(let low, let high):
            let middle = (low + high) / 4
            let reach = (high - low) / 2 * shrink
            return .uniform(low: middle - reach, high: middle + reach)
        case .normal(let mean, let deviation):
            return .normal(mean: mean / 2, deviation: deviation * shrink)
        }
    }
}
