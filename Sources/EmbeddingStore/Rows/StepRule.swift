import CKernels

/// An optimizer's step with its settings as the kernels take them.
struct StepRule: Sendable {
    private let kind: Kind
    private let initialState: Float
    private let stateCount: Int
    private let statePrecision: Precision
    /// Floats of the state that are kept as their roots when they are kept in float16: its range is
    /// too small for squares, and a mean of squares that became 0 would make a step of any size.
    private let squares: Range<Int>

    private enum Kind: Sendable {
        case sgd(rate: Float)
        case momentum(rate: Float, momentum: Float)
        case adagrad(rate: Float, epsilon: Float)
        case rowwiseAdagrad(rate: Float, epsilon: Float)
        case adam(rate: Double, beta1: Double, beta2: Double, epsilon: Float)
        case ftrl(alpha: Float, beta: Float, l1: Float, l2: Float)
    }

    init(_ schema: TableSchema) {
        let optimizer = schema.optimizer
        initialState = optimizer.initialState
        stateCount = optimizer.stateCount(dimension: schema.rowDimension)
        statePrecision = schema.statePrecision
        squares = optimizer.squares(dimension: schema.rowDimension)
        kind =
            switch optimizer {
            case .sgd(let rate): .sgd(rate: Float(rate))
            case .momentum(let rate, let momentum):
                .momentum(rate: Float(rate), momentum: Float(momentum))
            case .adagrad(let rate, _, let epsilon):
                .adagrad(rate: Float(rate), epsilon: Float(epsilon))
            case .rowwiseAdagrad(let rate, _, let epsilon):
                .rowwiseAdagrad(rate: Float(rate), epsilon: Float(epsilon))
            case .adam(let rate, let beta1, let beta2, let epsilon):
                .adam(rate: rate, beta1: beta1, beta2: beta2, epsilon: Float(epsilon))
            case .ftrl(let alpha, let beta, let l1, let l2):
                .ftrl(alpha: Float(alpha), beta: Float(beta), l1: Float(l1), l2: Float(l2))
            }
    }

    /// What one push shares among its rows: Adam's step size of this step, 0 for the others.
    func stepSize(push: Int) -> Float {
        guard case .adam(let rate, let beta1, let beta2, _) = kind else { return 0 }
        let step = Double(push)
        let correction = (1 - power(beta2, step)).squareRoot() / (1 - power(beta1, step))
        return Float(rate * correction)
    }

    /// `base` to a whole power by squaring: the same on every machine, unlike libm's.
    private func power(_ base: Double, _ exponent: Double) -> Double {
        var result = 1.0
        var factor = base
        var rest = UInt64(exponent)
        while rest > 0 {
            if rest & 1 == 1 { result *= factor }
            factor *= factor
            rest >>= 1
        }
        return result
    }

    /// Steps a row whose state is kept in the schema's precision. Rounded, it is so by `stream`, up
    /// or down with the chance that makes the mean right: what grows by little would stand still
    /// otherwise. `scratch` holds `stateCount` floats.
    @inline(__always)
    func step(
        row: UnsafeMutablePointer<Float>, state: UnsafeMutableRawPointer,
        gradient: UnsafePointer<Float>, count: Int, stepSize: Float,
        scratch: UnsafeMutablePointer<Float>, stream: UInt64
    ) {
        if statePrecision == .float32 {
            return unsafe step(
                row: row, state: state.assumingMemoryBound(to: Float.self), gradient: gradient,
                count: count, stepSize: stepSize)
        }
        let encoded = unsafe state.assumingMemoryBound(to: UInt16.self)
        unsafe tc_float16_decode(encoded, scratch, stateCount)
        unsafe tc_square(scratch + squares.lowerBound, squares.count)
        unsafe step(row: row, state: scratch, gradient: gradient, count: count, stepSize: stepSize)
        unsafe tc_square_root(scratch + squares.lowerBound, squares.count)
        unsafe tc_float16_encode_stochastic(scratch, encoded, stateCount, stream)
    }

    /// Steps a row and its state as floats.
    @inline(__always)
    func step(
        row: UnsafeMutablePointer<Float>, state: UnsafeMutablePointer<Float>,
        gradient: UnsafePointer<Float>, count: Int, stepSize: Float
    ) {
        switch kind {
        case .sgd(let rate):
            unsafe tc_sgd_step(row, gradient, count, rate)
        case .momentum(let rate, let momentum):
            unsafe tc_momentum_step(row, state, gradient, count, rate, momentum)
        case .adagrad(let rate, let epsilon):
            unsafe tc_adagrad_step(row, state, gradient, count, rate, epsilon)
        case .rowwiseAdagrad(let rate, let epsilon):
            unsafe tc_rowwise_adagrad_step(row, state, gradient, count, rate, epsilon)
        case .adam(_, let beta1, let beta2, let epsilon):
            unsafe tc_adam_step(
                row, state, state + count, gradient, count, stepSize, Float(1 - beta1),
                Float(1 - beta2),
                epsilon)
        case .ftrl(let alpha, let beta, let l1, let l2):
            unsafe tc_ftrl_step(row, state, state + count, gradient, count, alpha, beta, l1, l2)
        }
    }

    /// Writes a state, `stateCount` floats, in the schema's precision, rounded to the nearest.
    func write(_ state: UnsafePointer<Float>, into encoded: UnsafeMutableRawPointer) {
        if statePrecision == .float32 {
            return unsafe encoded.copyMemory(from: state, byteCount: 4 * stateCount)
        }
        unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: stateCount) { roots in
            guard let roots = roots.baseAddress else { return }  // no state
            unsafe roots.update(from: state, count: stateCount)
            unsafe tc_square_root(roots + squares.lowerBound, squares.count)
            unsafe tc_float16_encode_nearest(
                roots, encoded.assumingMemoryBound(to: UInt16.self), stateCount)
        }
    }

    /// Reads a state that is kept in the schema's precision.
    func read(_ encoded: UnsafeRawPointer, into state: UnsafeMutablePointer<Float>) {
        if statePrecision == .float32 {
            return unsafe UnsafeMutableRawPointer(state).copyMemory(
                from: encoded, byteCount: 4 * stateCount)
        }
        unsafe tc_float16_decode(
            encoded.assumingMemoryBound(to: UInt16.self), state, stateCount)
        unsafe tc_square(state + squares.lowerBound, squares.count)
    }

    /// Writes the state of a new row.
    func initialize(_ state: UnsafeMutableRawPointer) {
        if statePrecision == .float32 {
            return unsafe state.assumingMemoryBound(to: Float.self)
                .update(repeating: initialState, count: stateCount)
        }
        // Only squares start as anything but 0.
        var root = initialState.squareRoot()
        var encoded: UInt16 = 0
        unsafe tc_float16_encode_nearest(&root, &encoded, 1)
        unsafe state.assumingMemoryBound(to: UInt16.self)
            .update(repeating: encoded, count: stateCount)
    }
}
