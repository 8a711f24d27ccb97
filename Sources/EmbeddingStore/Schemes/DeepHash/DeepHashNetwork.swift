/// Rows made by a network out of hashes of an id (deep hash embedding, DHE; Kang et al., KDD 2021):
/// no id has a row of its own.
///
/// `Linear(hashes → hidden)`, four times `Linear(hidden → hidden)`, each followed by
/// ``NormalizedMish``, then `Linear(hidden → dimension)`. A value: the parameters are passed in.
///
/// Products of the forward pass are always of ``tileIDs`` ids, the last ones filled up: OpenBLAS
/// adds up in another order for matrices of other sizes. So a row does not depend on the ids that it
/// is asked together with. Across machines, and versions of OpenBLAS, rows agree to rounding only.
struct DeepHashNetwork: Sendable {
    let shape: DeepHashShape
    let encoding: DeepHashEncoding

    /// Ids of one product in the forward pass. Wide products are faster, but in some the order of
    /// adding up depends on the row: eight if this machine's kernels treat those alike, as all do
    /// that we could run (0.3.21: Prescott, Nehalem, Sandy Bridge, Haswell, Zen; from twelve on some
    /// do not), and else one.
    let tileIDs: Int
    /// Ids whose values are in memory at once.
    static let blockIDs = 64

    init(shape: DeepHashShape, seed: UInt64) {
        self.shape = shape
        encoding = DeepHashEncoding(hashes: shape.hashes, seed: seed)
        let products = [
            (inputs: shape.hashes, outputs: shape.hidden),
            (inputs: shape.hidden, outputs: shape.hidden),
            (inputs: shape.hidden, outputs: shape.dimension),
        ]
        let areAlike = products.allSatisfy {
            MatrixProduct.treatsRowsAlike(8, columns: $0.outputs, inner: $0.inputs)
        }
        tileIDs = areAlike ? 8 : 1
    }

    /// Calls `body` with the position and the row of each id, in order; the address is good for the
    /// call only.
    func forward(
        _ ids: Keys, parameters: [Float], _ body: (Int, UnsafePointer<Float>) -> Void
    ) {
        let count = unsafe ids.count
        let block = DeepHashBlock(shape)
        unsafe parameters.withUnsafeBufferPointer { parameters in
            precondition(parameters.count >= shape.parameterCount)
            for start in stride(from: 0, to: count, by: Self.blockIDs) {
                let used = min(Self.blockIDs, count - start)
                unsafe forward(ids, start..<start + used, parameters.baseAddress!, block)
                for place in 0..<used {
                    unsafe body(start + place, block.rows + place * shape.dimension)
                }
            }
        }
    }

    /// The gradient of all parameters, as long as the parameter rows together, for the gradients of
    /// the rows of `ids`. One id may come several times.
    ///
    /// - Parameter rowGradient: `dimension` floats for a position.
    func backward(
        _ ids: Keys, parameters: [Float], rowGradient: (Int) -> UnsafePointer<Float>
    ) -> [Float] {
        let count = unsafe ids.count
        let block = DeepHashBlock(shape)
        var result = [Float](repeating: 0, count: shape.paddedCount)
        unsafe result.withUnsafeMutableBufferPointer { result in
            unsafe parameters.withUnsafeBufferPointer { parameters in
                precondition(parameters.count >= shape.parameterCount)
                for start in stride(from: 0, to: count, by: Self.blockIDs) {
                    let used = min(Self.blockIDs, count - start)
                    // There are parameters, so there are addresses.
                    unsafe forward(ids, start..<start + used, parameters.baseAddress!, block)
                    for place in 0..<used {
                        unsafe (block.rows + place * shape.dimension).update(
                            from: rowGradient(start + place), count: shape.dimension)
                    }
                    unsafe backward(used, parameters.baseAddress!, block, result.baseAddress!)
                }
            }
        }
        return result
    }

    /// Fills the block with the values of at most `blockIDs` ids.
    private func forward(
        _ ids: Keys, _ positions: Range<Int>, _ parameters: UnsafePointer<Float>,
        _ block: DeepHashBlock
    ) {
        let hidden = shape.hidden
        for (place, position) in positions.enumerated() {
            unsafe encoding.encode(ids[position], into: block.inputs(0) + place * shape.hashes)
        }
        for number in 0..<DeepHashShape.hiddenLayers {
            let layer = shape.hiddenLayer(number)
            unsafe multiplyTiles(
                block.inputs(number), parameters + layer.weights.lowerBound, ids: positions.count,
                inputs: layer.inputs, outputs: hidden, into: block.normalized(number))
            for place in 0..<positions.count {
                unsafe block.inverses(number)[place] = unsafe NormalizedMish.forward(
                    block.normalized(number) + place * hidden,
                    gain: parameters + layer.gain.lowerBound,
                    shift: parameters + layer.shift.lowerBound, count: hidden,
                    into: block.inputs(number + 1) + place * hidden)
            }
        }
        let output = shape.outputLayer
        unsafe multiplyTiles(
            block.inputs(DeepHashShape.hiddenLayers), parameters + output.weights.lowerBound,
            ids: positions.count, inputs: hidden, outputs: shape.dimension, into: block.rows)
        for place in 0..<positions.count {
            let row = unsafe block.rows + place * shape.dimension
            for index in 0..<shape.dimension {
                unsafe row[index] += parameters[output.bias.lowerBound + index]
            }
        }
    }

    /// `result[ids][outputs] = values[ids][inputs] · weights[outputs][inputs]ᵀ`, tile by tile.
    private func multiplyTiles(
        _ values: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, ids: Int, inputs: Int,
        outputs: Int, into result: UnsafeMutablePointer<Float>
    ) {
        for start in stride(from: 0, to: ids, by: tileIDs) {
            unsafe MatrixProduct.multiply(
                .init(values: values + start * inputs, columns: inputs),
                .init(values: weights, columns: inputs, isTransposed: true),
                rows: tileIDs, columns: outputs, inner: inputs, into: result + start * outputs)
        }
    }

    /// Adds to `result` what the gradients in the place of the block's rows make of its values.
    private func backward(
        _ ids: Int, _ parameters: UnsafePointer<Float>, _ block: DeepHashBlock,
        _ result: UnsafeMutablePointer<Float>
    ) {
        let hidden = shape.hidden
        let output = shape.outputLayer
        for place in 0..<ids {
            for index in 0..<shape.dimension {
                unsafe result[output.bias.lowerBound + index] +=
                    unsafe block.rows[place * shape.dimension + index]
            }
        }
        unsafe multiplyBack(
            block.rows, block.inputs(DeepHashShape.hiddenLayers),
            parameters + output.weights.lowerBound, ids: ids, inputs: hidden,
            outputs: shape.dimension, weightGradient: result + output.weights.lowerBound,
            inputGradient: block.gradient)
        for number in (0..<DeepHashShape.hiddenLayers).reversed() {
            let layer = shape.hiddenLayer(number)
            for place in 0..<ids {
                unsafe NormalizedMish.backward(
                    block.gradient + place * hidden,
                    normalized: block.normalized(number) + place * hidden,
                    inverse: block.inverses(number)[place],
                    gain: parameters + layer.gain.lowerBound,
                    shift: parameters + layer.shift.lowerBound, count: hidden,
                    gainGradient: result + layer.gain.lowerBound,
                    shiftGradient: result + layer.shift.lowerBound)
            }
            // The values of this layer are done with: their place takes the gradient of its inputs.
            // Of hashes none is wanted.
            let below = unsafe number == 0 ? nil : block.normalized(number)
            unsafe multiplyBack(
                block.gradient, block.inputs(number), parameters + layer.weights.lowerBound,
                ids: ids, inputs: layer.inputs, outputs: hidden,
                weightGradient: result + layer.weights.lowerBound, inputGradient: below)
            if let below = unsafe below {
                unsafe block.gradient.update(from: below, count: ids * hidden)
            }
        }
    }

    /// `weightGradient += gradientᵀ · values` and `inputGradient = gradient · weights`.
    private func multiplyBack(
        _ gradient: UnsafePointer<Float>, _ values: UnsafePointer<Float>,
        _ weights: UnsafePointer<Float>, ids: Int, inputs: Int, outputs: Int,
        weightGradient: UnsafeMutablePointer<Float>, inputGradient: UnsafeMutablePointer<Float>?
    ) {
        unsafe MatrixProduct.multiply(
            .init(values: gradient, columns: outputs, isTransposed: true),
            .init(values: values, columns: inputs),
            rows: outputs, columns: inputs, inner: ids, adding: true, into: weightGradient)
        guard let inputGradient = unsafe inputGradient else { return }
        unsafe MatrixProduct.multiply(
            .init(values: gradient, columns: outputs), .init(values: weights, columns: inputs),
            rows: ids, columns: inputs, inner: outputs, into: inputGradient)
    }
}
