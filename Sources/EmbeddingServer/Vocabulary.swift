package import EmbeddingStore
package import EmbeddingWire

// What the wire and the store call the same things.

extension WireError {
    init(_ error: StoreError) {
        let code: ErrorCode
        var retryAfterMs: UInt32 = 0
        switch error {
        case .unknownTable: code = .unknownTable
        case .tableExists: code = .tableExists
        case .invalidSchema: code = .invalidSchema
        case .dimensionMismatch: code = .dimensionMismatch
        case .nonFinite: code = .nonFinite
        case .malformed: code = .malformed
        case .tooLarge: code = .tooLarge
        case .readOnly: code = .readOnly
        case .overloaded(let milliseconds):
            code = .overloaded
            retryAfterMs = UInt32(milliseconds)
        case .storageFailed: code = .storageFailed
        case .storageFull: code = .storageFull
        case .damaged: code = .damaged
        case .unsupported: code = .unsupported
        case .closed: code = .shuttingDown
        case .cannotCreate: code = .cannotCreate
        case .inUse, .badDataDirectory: code = .internal
        }
        self.init(code, error.description, retryAfterMs: retryAfterMs)
    }
}

extension EmbeddingStore.TableSchema {
    /// Throws `unsupported` for a scheme that this store has not.
    package init(wire: EmbeddingWire.TableSchema) throws(WireError) {
        guard wire.scheme == .full else {
            throw WireError(
                .unsupported, "the scheme \(wire.scheme.name) is not available yet; use full")
        }
        self.init(
            dimension: Int(wire.dimension),
            optimizer: .init(wire.optimizer),
            initializer: .init(wire.initializer),
            hotPrecision: .init(wire.hot),
            coldPrecision: .init(wire.cold),
            scheme: .full,
            seed: wire.seed,
            admissionCount: Int(wire.admissionCount))
    }
}

extension EmbeddingWire.TableSchema {
    init(_ schema: EmbeddingStore.TableSchema) {
        self.init(
            dimension: UInt32(schema.dimension),
            hot: .init(schema.hotPrecision),
            cold: .init(schema.coldPrecision),
            optimizer: .init(schema.optimizer),
            initializer: .init(schema.initializer),
            scheme: .init(schema.scheme),
            admissionCount: UInt32(schema.admissionCount),
            seed: schema.seed)
    }
}

extension EmbeddingStore.Precision {
    init(_ wire: EmbeddingWire.Precision) {
        self =
            switch wire {
            case .float32: .float32
            case .float16: .float16
            case .int16: .int16
            case .int8: .int8
            }
    }
}

extension EmbeddingWire.Precision {
    init(_ precision: EmbeddingStore.Precision) {
        self =
            switch precision {
            case .float32: .float32
            case .float16: .float16
            case .int16: .int16
            case .int8: .int8
            }
    }
}

extension EmbeddingStore.RowFormat {
    init(_ wire: EmbeddingWire.RowFormat) {
        self =
            switch wire {
            case .float32: .float32
            case .float16: .float16
            case .int16: .int16
            }
    }
}

extension EmbeddingStore.PoolMode {
    init(_ wire: EmbeddingWire.PoolMode) {
        self =
            switch wire {
            case .sum: .sum
            case .mean: .mean
            case .max: .max
            }
    }
}

extension EmbeddingWire.Scheme {
    init(_ scheme: EmbeddingStore.Scheme) {
        self =
            switch scheme {
            case .full: .full
            }
    }
}

extension EmbeddingStore.Optimizer {
    init(_ wire: EmbeddingWire.Optimizer) {
        self =
            switch wire {
            case .sgd(let rate): .sgd(learningRate: rate)
            case .momentum(let rate, let momentum):
                .momentum(learningRate: rate, momentum: momentum)
            case .adagrad(let rate, let initial, let epsilon):
                .adagrad(learningRate: rate, initialAccumulator: initial, epsilon: epsilon)
            case .rowwiseAdagrad(let rate, let initial, let epsilon):
                .rowwiseAdagrad(learningRate: rate, initialAccumulator: initial, epsilon: epsilon)
            case .adam(let rate, let beta1, let beta2, let epsilon):
                .adam(learningRate: rate, beta1: beta1, beta2: beta2, epsilon: epsilon)
            case .ftrl(let alpha, let beta, let l1, let l2):
                .ftrl(alpha: alpha, beta: beta, l1: l1, l2: l2)
            }
    }
}

extension EmbeddingWire.Optimizer {
    init(_ optimizer: EmbeddingStore.Optimizer) {
        self =
            switch optimizer {
            case .sgd(let rate): .sgd(learningRate: rate)
            case .momentum(let rate, let momentum):
                .momentum(learningRate: rate, momentum: momentum)
            case .adagrad(let rate, let initial, let epsilon):
                .adagrad(learningRate: rate, initialAccumulator: initial, epsilon: epsilon)
            case .rowwiseAdagrad(let rate, let initial, let epsilon):
                .rowwiseAdagrad(learningRate: rate, initialAccumulator: initial, epsilon: epsilon)
            case .adam(let rate, let beta1, let beta2, let epsilon):
                .adam(learningRate: rate, beta1: beta1, beta2: beta2, epsilon: epsilon)
            case .ftrl(let alpha, let beta, let l1, let l2):
                .ftrl(alpha: alpha, beta: beta, l1: l1, l2: l2)
            }
    }
}

extension EmbeddingStore.Initializer {
    init(_ wire: EmbeddingWire.Initializer) {
        self =
            switch wire {
            case .zeros: .zeros
            case .constant(let value): .constant(value)
            case .uniform(let low, let high): .uniform(low: low, high: high)
            case .normal(let mean, let deviation): .normal(mean: mean, deviation: deviation)
            }
    }
}

extension EmbeddingWire.Initializer {
    init(_ initializer: EmbeddingStore.Initializer) {
        self =
            switch initializer {
            case .zeros: .zeros
            case .constant(let value): .constant(value)
            case .uniform(let low, let high): .uniform(low: low, high: high)
            case .normal(let mean, let deviation):
                .normal(mean: mean, standardDeviation: deviation)
            }
    }
}
