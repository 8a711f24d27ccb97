/// A figure over several seeds.
public struct Spread: Sendable, Hashable, Codable {
    public var mean: Double
    /// The standard deviation of one run, from the sample; 0 for a single one.
    public var deviation: Double

    /// - Parameter values: at least one.
    init(_ values: [Double]) {
        let count = Double(values.count)
        let mean = values.reduce(0, +) / count
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        self.mean = mean
        deviation = values.count > 1 ? (squares / (count - 1)).squareRoot() : 0
    }
}
