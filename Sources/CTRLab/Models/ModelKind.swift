/// The models that there are.
public enum ModelKind: String, Sendable, Hashable, Codable, CaseIterable {
    case lr
    case fm
    case dnn
    case fnn
    case wideDeep = "wide-deep"
    case deepFM = "deepfm"
    case nfm
    case nfmDNN = "nfm-dnn"
    case dcn
    case xDeepFM = "xdeepfm"
    case ipnn
    case dlrm
    case sharedBottom = "shared-bottom"

    var type: any Model.Type {
        switch self {
        case .lr: LR.self
        case .fm: FM.self
        case .dnn: DNN.self
        case .fnn: FNN.self
        case .wideDeep: WideDeep.self
        case .deepFM: DeepFM.self
        case .nfm: NFM.self
        case .nfmDNN: NFMDNN.self
        case .dcn: DCN.self
        case .xDeepFM: XDeepFM.self
        case .ipnn: IPNN.self
        case .dlrm: DLRM.self
        case .sharedBottom: SharedBottom.self
        }
    }

    /// Whether the model answers several labels at once.
    var takesSeveralLabels: Bool { self == .sharedBottom }

    /// Floats of a row: the embedding, if the model has one, and the linear weight, if it uses it.
    ///
    /// - Parameter dimension: floats of an embedding.
    public func rowDimension(dimension: Int) -> Int {
        embeddingDimension(dimension) + (type.usesLinearWeights ? 1 : 0)
    }

    func embeddingDimension(_ dimension: Int) -> Int { self == .lr ? 0 : dimension }
}
