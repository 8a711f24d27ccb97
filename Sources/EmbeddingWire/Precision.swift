/// How the rows of a tier are stored.
public enum Precision: UInt8, CaseIterable, Sendable {
    case float32 = 0
    case float16 = 1
    /// With a scale for each row.
    case int16 = 2
    /// With a scale for each row.
    case int8 = 3
}

extension Precision: CustomStringConvertible {
    /// The precision's name in the protocol.
    public var description: String {
        switch self {
        case .float32: "float32"
        case .float16: "float16"
        case .int16: "int16"
        case .int8: "int8"
        }
    }
}
