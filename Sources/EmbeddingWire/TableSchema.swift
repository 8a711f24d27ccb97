internal import NIOCore

/// What a table is: fixed when it is created.
///
/// Any value that has a place on the wire can be sent; the server refuses schemas that no table can
/// have (`invalidSchema`), and those it does not support (`unsupported`).
public struct TableSchema: Hashable, Sendable {
    /// Values in a row, 1 to 4096.
    public var dimension: UInt32
    /// How rows are stored in memory.
    public var hot: Precision
    /// How rows are stored on disk.
    public var cold: Precision
    public var optimizer: Optimizer
    public var initializer: Initializer
    public var scheme: Scheme
    /// How often an id has to be seen before it earns a row of its own, at least 1.
    public var admissionCount: UInt32
    /// Decides the start of every row, together with its id.
    public var seed: UInt64
    /// How optimizer state is stored: float32 or float16.
    public var state: Precision
    /// High bits of an id that say its field, 0 to 32.
    public var fieldBits: UInt8
    /// Seconds after its last use when a row is gone; 0: never.
    public var timeToLive: UInt32

    public init(
        dimension: UInt32,
        hot: Precision = .float32,
        cold: Precision = .int16,
        optimizer: Optimizer = .adagrad(learningRate: 0.01),
        initializer: Initializer = .uniform(low: -0.01, high: 0.01),
        scheme: Scheme = .full,
        admissionCount: UInt32 = 1,
        seed: UInt64 = 0,
        state: Precision = .float32,
        fieldBits: UInt8 = 0,
        timeToLive: UInt32 = 0
    ) {
        self.dimension = dimension
        self.hot = hot
        self.cold = cold
        self.optimizer = optimizer
        self.initializer = initializer
        self.scheme = scheme
        self.admissionCount = admissionCount
        self.seed = seed
        self.state = state
        self.fieldBits = fieldBits
        self.timeToLive = timeToLive
    }

    /// Bytes of a schema on the wire.
    package static let byteCount = 120
}

extension TableSchema {
    func write(to body: inout ByteBuffer) {
        body.writeMultipleIntegers(
            dimension, hot.rawValue, cold.rawValue, optimizer.code, initializer.code, scheme.code,
            state.rawValue, fieldBits, UInt8(0), admissionCount, seed, endianness: .little)
        body.writeSlots(
            optimizer.parameters.map(\.value.bitPattern), count: Optimizer.parametersMax)
        body.writeSlots(
            initializer.parameters.map(\.bitPattern), count: Initializer.parametersMax)
        body.writeSlots(scheme.parameters, count: Scheme.parametersMax)
        body.writeMultipleIntegers(timeToLive, UInt32(0), endianness: .little)
    }
}

extension BodyReader {
    /// A schema; `invalidSchema` for a precision, optimizer, initializer or scheme that is none.
    mutating func schema() throws(WireError) -> TableSchema {
        let dimension = try integer(as: UInt32.self)
        let hotCode = try integer(as: UInt8.self)
        let coldCode = try integer(as: UInt8.self)
        let optimizerCode = try integer(as: UInt8.self)
        let initializerCode = try integer(as: UInt8.self)
        let schemeCode = try integer(as: UInt8.self)
        let stateCode = try integer(as: UInt8.self)
        let fieldBits = try integer(as: UInt8.self)
        try zeros(count: 1)
        let admissionCount = try integer(as: UInt32.self)
        let seed = try integer(as: UInt64.self)
        let optimizerSlots = try array(of: UInt64.self, count: Optimizer.parametersMax).array
        let initializerSlots = try array(of: UInt64.self, count: Initializer.parametersMax).array
        let schemeSlots = try array(of: UInt64.self, count: Scheme.parametersMax).array
        let timeToLive = try integer(as: UInt32.self)
        try zeros(count: 4)

        let hot = try known(Precision(rawValue: hotCode), "precision \(hotCode)")
        let cold = try known(Precision(rawValue: coldCode), "precision \(coldCode)")
        let state = try known(Precision(rawValue: stateCode), "precision \(stateCode)")
        let optimizer = try known(
            Optimizer(code: optimizerCode, slots: optimizerSlots.map(Double.init(bitPattern:))),
            "optimizer \(optimizerCode)")
        let initializer = try known(
            Initializer(
                code: initializerCode, slots: initializerSlots.map(Double.init(bitPattern:))),
            "initializer \(initializerCode)")
        let scheme = try known(
            Scheme(code: schemeCode, slots: schemeSlots),
            "scheme \(schemeCode) with the parameters \(schemeSlots)")

        try checkUnused(optimizerSlots, used: optimizer.parameters.count)
        try checkUnused(initializerSlots, used: initializer.parameters.count)
        try checkUnused(schemeSlots, used: scheme.parameters.count)
        return TableSchema(
            dimension: dimension, hot: hot, cold: cold, optimizer: optimizer,
            initializer: initializer, scheme: scheme, admissionCount: admissionCount, seed: seed,
            state: state, fieldBits: fieldBits, timeToLive: timeToLive)
    }

    private func known<Value>(
        _ value: Value?, _ what: @autoclosure () -> String
    ) throws(WireError) -> Value {
        guard let value else { throw WireError(.invalidSchema, "there is no \(what())") }
        return value
    }

    private func checkUnused(_ slots: [UInt64], used: Int) throws(WireError) {
        guard slots.dropFirst(used).allSatisfy({ $0 == 0 }) else {
            throw WireError(.malformed, "an unused parameter of a schema is not 0")
        }
    }
}

extension ByteBuffer {
    /// Writes `values` and zeros after them, `count` in all.
    fileprivate mutating func writeSlots(_ values: [UInt64], count: Int) {
        for value in values { writeInteger(value, endianness: .little) }
        writeRepeatingByte(0, count: 8 * (count - values.count))
    }
}
