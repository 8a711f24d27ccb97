/// What a new row starts as: a pure function of the table's seed and the row's key, so that it is
/// the same on every machine and after every restart.
public enum Initializer: Sendable, Hashable, Codable {
    case zeros
    case constant(Double)
    case uniform(low: Double, high: Double)
    case normal(mean: Double, deviation: Double)

    /// Every element of the row that an unknown id is served without being created.
    var mean: Float {
        switch self {
        case .zeros: 0
        case .constant(let value): Float(value)
        case .uniform(let low, let high): Float((low + high) / 2)
        case .normal(let mean, _): Float(mean)
        }
    }

    /// The standard deviation of a new row's elements.
    var deviation: Float {
        switch self {
        case .zeros, .constant: 0
        case .uniform(let low, let high): Float((high - low) / 12.0.squareRoot())
        case .normal(_, let deviation): Float(deviation)
        }
    }

    /// Why these settings cannot be used, or nil.
    var problem: String? {
        func fits(_ value: Double) -> Bool { Float(value).isFinite }
        switch self {
        case .zeros:
            return nil
        case .constant(let value):
            return fits(value) ? nil : "the constant must be a finite float"
        case .uniform(let low, let high):
            return fits(low) && fits(high) && fits(high - low) && low <= high
                ? nil : "uniform needs finite bounds, low ≤ high"
        case .normal(let mean, let deviation):
            return fits(mean) && fits(deviation) && deviation >= 0
                ? nil : "normal needs a finite mean and a deviation of at least 0"
        }
    }
}
