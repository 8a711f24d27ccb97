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

    public init(
        hidden: [Int] = [400, 400, 400], dropout: Float = 0, batchNorm: Bool = false,
        crossLayers: Int = 3, interactionMaps: [Int] = [64]
    ) {
        self.hidden = hidden
        self.dropout = dropout
        self.batchNorm = batchNorm
        self.crossLayers = crossLayers
        self.interactionMaps = interactionMaps
    }
}
