/// What a new row starts as; it depends on the table's seed and the id alone.
public enum Initializer: Hashable, Sendable {
    case zeros
    case constant(Double)
    /// At least `low`, below `high`.
    case uniform(low: Double, high: Double)
    case normal(mean: Double, standardDeviation: Double)

    /// The initializer's name in the protocol.
    public var name: String {
        switch self {
        case .zeros: "zeros"
        case .constant: "constant"
        case .uniform: "uniform"
        case .normal: "normal"
        }
    }

    /// Values of the parameters, in the protocol's order.
    public var parameters: [Double] {
        switch self {
        case .zeros: []
        case .constant(let value): [value]
        case .uniform(let low, let high): [low, high]
        case .normal(let mean, let standardDeviation): [mean, standardDeviation]
        }
    }
}

extension Initializer {
    /// Slots for parameters in a schema.
    static let parametersMax = 2

    var code: UInt8 {
        switch self {
        case .zeros: 0
        case .constant: 1
        case .uniform: 2
        case .normal: 3
        }
    }

    /// - Parameter slots: all ``parametersMax`` of them.
    /// - Returns: none when `code` is no initializer.
    init?(code: UInt8, slots: [Double]) {
        switch code {
        case 0: self = .zeros
        case 1: self = .constant(slots[0])
        case 2: self = .uniform(low: slots[0], high: slots[1])
        case 3: self = .normal(mean: slots[0], standardDeviation: slots[1])
        default: return nil
        }
    }
}
