/// How the numbers of a row are kept in a tier.
///
/// `int16` and `int8` carry one float32 scale per row, `max|x| / 32767` (`/ 127`), and are written
/// with stochastic rounding (Xu et al., SIGMOD 2021).
public enum Precision: UInt8, Sendable, Hashable, Codable, CaseIterable {
    case float32 = 0
    case float16 = 1
    case int16 = 2
    case int8 = 3

    /// Bytes of one element.
    public var elementBytes: Int {
        switch self {
        case .float32: 4
        case .float16, .int16: 2
        case .int8: 1
        }
    }

    /// The largest value that can be kept: a scale reaches as far as floats do.
    var largest: Float {
        switch self {
        case .float32, .int16, .int8: .greatestFiniteMagnitude
        case .float16: 65504
        }
    }

    /// Bytes of the scale that a row carries: 4, or 0 for floating-point precisions.
    public var scaleBytes: Int {
        switch self {
        case .float32, .float16: 0
        case .int16, .int8: 4
        }
    }
}
