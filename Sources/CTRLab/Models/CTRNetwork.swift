/// A model with its dense part: logits out of a batch and the rows of its ids.
final class CTRNetwork {
    let kind: ModelKind
    let parameters: Parameters
    private let shape: ModelShape
    private let model: any Model
    private let numberEmbedding: NumberEmbedding?

    /// - Parameters:
    ///   - dimension: floats of an embedding.
    ///   - features: what a batch has.
    ///   - seed: decides how the dense part starts.
    init(
        _ kind: ModelKind, dimension: Int, features: FeatureShape, settings: NetworkSettings,
        numbers: NumberNetwork, seed: UInt64
    ) throws(CTRLabError) {
        guard features.labels == 1 || kind.takesSeveralLabels else {
            throw .badSettings(
                "\(kind.rawValue) answers one label, not \(features.labels); use "
                    + ModelKind.sharedBottom.rawValue)
        }
        self.kind = kind
        parameters = Parameters(seed: seed)
        let dimension = kind.embeddingDimension(dimension)
        numberEmbedding = NumberEmbedding(
            numbers, parameters, numbers: features.numbers, dimension: dimension)
        var shape = ModelShape(
            idFields: features.fields, dimension: dimension, numbers: features.numbers,
            labels: features.labels)
        switch numberEmbedding {
        case nil: break
        case .dlrm: (shape.numberFields, shape.numbers, shape.hasNumberVector) = (1, 0, true)
        case .autoDis: (shape.numberFields, shape.numbers) = (features.numbers, 0)
        }
        self.shape = shape
        model = kind.type.init(parameters, shape, settings)
    }

    /// examples × labels.
    ///
    /// - Parameter rows: the batch's distinct rows, as the store has them.
    func logits(_ batch: Batch, rows: Variable, _ pass: Pass) -> Variable {
        let input = ModelInput(
            rows: rows, bags: batch.bags, numbers: batch.numbers, shape: shape,
            embedding: numberEmbedding, pass)
        return model.logits(input, pass)
    }
}
