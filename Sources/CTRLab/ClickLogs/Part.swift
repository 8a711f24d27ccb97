/// What a row is used for.
public enum Part: Int, Sendable, Hashable, CaseIterable {
    case training = 0
    case validation
    case test
}
