/// How the rows of a bag become one row, as in `torch.nn.EmbeddingBag`.
public enum PoolMode: UInt8, CaseIterable, Sendable {
    /// With weights, each row times its weight.
    case sum = 0
    case mean = 1
    /// The largest value in each place.
    case max = 2
}
