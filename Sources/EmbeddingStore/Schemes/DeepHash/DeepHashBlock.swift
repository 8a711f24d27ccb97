/// The values of a network for a block of ids, of one forward pass and the backward pass after it.
@safe final class DeepHashBlock {
    private let shape: DeepHashShape
    private let values: UnsafeMutableBufferPointer<Float>

    init(_ shape: DeepHashShape) {
        self.shape = shape
        let ids = DeepHashNetwork.blockIDs
        let layers = DeepHashShape.hiddenLayers
        let count =
            ids * (shape.hashes + (2 * layers + 1) * shape.hidden + shape.dimension + layers)
        unsafe values = .allocate(capacity: count)
        // Tiles are computed whole, places without an id included.
        unsafe values.initialize(repeating: 0)
    }

    deinit { unsafe values.deallocate() }

    private func at(_ floatsPerID: Int) -> UnsafeMutablePointer<Float> {
        // It holds values for `blockIDs` ids, so it has an address.
        unsafe values.baseAddress! + DeepHashNetwork.blockIDs * floatsPerID
    }

    /// What layer `number` is given, `[ids][hashes]` or `[ids][hidden]`; after the last hidden
    /// layer what the output layer is.
    func inputs(_ number: Int) -> UnsafeMutablePointer<Float> {
        unsafe at(number == 0 ? 0 : shape.hashes + (number - 1) * shape.hidden)
    }

    private var inputCount: Int { shape.hashes + DeepHashShape.hiddenLayers * shape.hidden }

    /// What hidden layer `number` has normalised, `[ids][hidden]`.
    func normalized(_ number: Int) -> UnsafeMutablePointer<Float> {
        unsafe at(inputCount + number * shape.hidden)
    }

    private var normalizedEnd: Int { inputCount + DeepHashShape.hiddenLayers * shape.hidden }

    /// The gradient of a hidden layer's outputs on its way down, `[ids][hidden]`.
    var gradient: UnsafeMutablePointer<Float> { unsafe at(normalizedEnd) }

    /// The rows, `[ids][dimension]`; then their gradients.
    var rows: UnsafeMutablePointer<Float> { unsafe at(normalizedEnd + shape.hidden) }

    /// What hidden layer `number` divided by, inverted, one for each id.
    func inverses(_ number: Int) -> UnsafeMutablePointer<Float> {
        unsafe at(normalizedEnd + shape.hidden + shape.dimension + number)
    }
}
