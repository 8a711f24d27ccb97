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
    package init(wire: EmbeddingWire.TableSchema) {
        self.init(
            dimension: Int(wire.dimension),
            optimizer: .init(wire.optimizer),
            initializer: .init(wire.initializer),
            hotPrecision: .init(wire.hot),
            coldPrecision: .init(wire.cold),
            scheme: .init(wire.scheme),
            seed: wire.seed,
            admissionCount: Int(wire.admissionCount),
            statePrecision: .init(wire.state),
            timeToLive: Int(wire.timeToLive),
            fieldBits: Int(wire.fieldBits))
    }
}

extension EmbeddingWire.TableSchema {
    package init(_ schema: EmbeddingStore.TableSchema) {
        self.init(
            dimension: UInt32(schema.dimension),
            hot: .init(schema.hotPrecision),
            cold: .init(schema.coldPrecision),
            optimizer: .init(schema.optimizer),
            initializer: .init(schema.initializer),
            scheme: .init(schema.scheme),
            admissionCount: UInt32(schema.admissionCount),
            seed: schema.seed,
            state: .init(schema.statePrecision),
            fieldBits: UInt8(schema.fieldBits),
            timeToLive: UInt32(schema.timeToLive))
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

extension EmbeddingStore.Scheme {
    /// Numbers that no Int can hold are refused like others that are too large.
    package init(_ wire: EmbeddingWire.Scheme) {
        switch wire {
        case .full:
            self = .full
        case .hashed(let rows):
            self = .hashed(rows: Int(clamping: rows))
        case .doubleHashed(let rows, let combine):
            self = .doubleHashed(rows: Int(clamping: rows), combine: .init(combine))
        case .frequencyDoubleHashed(let own, let shared, let score):
            self = .frequencyDoubleHashed(
                own: Int(clamping: own), shared: Int(clamping: shared), score: .init(score))
        case .frequencyFiltered(let counters):
            self = .frequencyFiltered(
                counters == 0 ? .exact : .bloom(counters: Int(clamping: counters)))
        case .quotientRemainder(let rows, let combine):
            self = .quotientRemainder(rows: Int(clamping: rows), combine: .init(combine))
        case .deepHash(let hashes, let hidden):
            self = .deepHash(hashes: Int(clamping: hashes), hidden: Int(clamping: hidden))
        }
    }
}

extension EmbeddingWire.Scheme {
    init(_ scheme: EmbeddingStore.Scheme) {
        self =
            switch scheme {
            case .full: .full
            case .hashed(let rows): .hashed(rows: UInt64(rows))
            case .doubleHashed(let rows, let combine):
                .doubleHashed(rows: UInt64(rows), combine: .init(combine))
            case .frequencyDoubleHashed(let own, let shared, let score):
                .frequencyDoubleHashed(
                    own: UInt64(own), shared: UInt64(shared), score: .init(score))
            case .frequencyFiltered(.exact): .frequencyFiltered(counters: 0)
            case .frequencyFiltered(.bloom(let counters)):
                .frequencyFiltered(counters: UInt64(counters))
            case .quotientRemainder(let rows, let combine):
                .quotientRemainder(rows: UInt64(rows), combine: .init(combine))
            case .deepHash(let hashes, let hidden):
                .deepHash(hashes: UInt64(hashes), hidden: UInt64(hidden))
            }
    }
}

extension EmbeddingStore.Scheme.Combine {
    init(_ wire: EmbeddingWire.Scheme.Combine) {
        self =
            switch wire {
            case .sum: .sum
            case .concatenate: .concatenate
            case .multiply: .multiply
            }
    }
}

extension EmbeddingWire.Scheme.Combine {
    init(_ combine: EmbeddingStore.Scheme.Combine) {
        self =
            switch combine {
            case .sum: .sum
            case .concatenate: .concatenate
            case .multiply: .multiply
            }
    }
}

extension EmbeddingStore.Scheme.Score {
    init(_ wire: EmbeddingWire.Scheme.Score) {
        self =
            switch wire {
            case .count: .count
            case .gradientNorm: .gradientNorm
            }
    }
}

extension EmbeddingWire.Scheme.Score {
    init(_ score: EmbeddingStore.Scheme.Score) {
        self =
            switch score {
            case .count: .count
            case .gradientNorm: .gradientNorm
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
