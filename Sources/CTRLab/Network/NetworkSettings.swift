/// The layers of a model's networks.
public struct NetworkSettings: Sendable, Hashable, Codable {
    /// Outputs of each hidden layer.
    public var hidden: [Int]
    /// The share of a hidden layer's values that is set to 0 while training, in [0, 1).
    public var dropout: Float
    public var batchNorm: Bool
    /// Layers of DCN's cross network.
    public var crossLayers: Int
    /// Feature maps of each layer of xDeepFM's compressed interaction network.
    public var interactionMaps: [Int]
    /// What DLRM's top network gets of the embeddings.
    public var interaction: Interaction

    /// DLRM's ways to put embeddings together, by the names that its authors' program has for them.
    public enum Interaction: String, Sendable, Hashable, Codable, CaseIterable {
        /// The inner products of all pairs.
        case dot
        /// The embeddings as they are, side by side.
        case cat
    }

    public init(
        hidden: [Int] = [400, 400, 400], dropout: Float = 0, batchNorm: Bool = false,
        crossLayers: Int = 3, interactionMaps: [Int] = [64], interaction: Interaction = .dot
    ) {
        self.hidden = hidden
        self.dropout = dropout
        self.batchNorm = batchNorm
        self.crossLayers = crossLayers
        self.interactionMaps = interactionMaps
        self.interaction = interaction
    }
}
