/// How numbers that are not made ids get into a model.
public enum NumberNetwork: Sendable, Hashable, Codable {
    /// As they are: into the linear part, and beside the embeddings into the first layer.
    case none
    /// All of them through a network of these hidden layers, into one embedding (DLRM's bottom
    /// network: Naumov et al., arXiv 1906.00091, 2019).
    case dlrm(hidden: [Int])
    /// Each through a network of its own, into an embedding of its field (AutoDis: Guo et al., KDD
    /// 2021).
    case autoDis(metaEmbeddings: Int, temperature: Float)
}
