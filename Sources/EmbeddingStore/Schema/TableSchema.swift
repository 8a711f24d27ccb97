/// Everything that decides what the rows of a table are. Stored with the table; never changes.
public struct TableSchema: Sendable, Hashable, Codable {
    /// Floats in a row, 1…4096.
    public var dimension: Int
    public var optimizer: Optimizer
    public var initializer: Initializer
    /// Precision of rows in memory.
    public var hotPrecision: Precision
    /// Precision of rows on disk.
    public var coldPrecision: Precision
    public var scheme: Scheme
    /// Decides the start of every row, together with its key.
    public var seed: UInt64
    /// Sightings after which an id earns a row of its own.
    public var admissionCount: Int
    /// Precision of the optimizer state, float32 or float16, in both tiers. Sums and means of
    /// squares are kept as their roots in float16.
    public var statePrecision: Precision
    /// Seconds after its last use when a row is gone; 0: never.
    public var timeToLive: Int
    /// High bits of an id that hold its field, 0…32.
    public var fieldBits: Int

    public init(
        dimension: Int,
        optimizer: Optimizer = .adagrad(learningRate: 0.01, initialAccumulator: 0, epsilon: 1e-10),
        initializer: Initializer = .uniform(low: -0.01, high: 0.01),
        hotPrecision: Precision = .float32,
        coldPrecision: Precision = .int16,
        scheme: Scheme = .full,
        seed: UInt64 = 0,
        admissionCount: Int = 1,
        statePrecision: Precision = .float32,
        timeToLive: Int = 0,
        fieldBits: Int = 0
    ) {
        self.dimension = dimension
        self.optimizer = optimizer
        self.initializer = initializer
        self.hotPrecision = hotPrecision
        self.coldPrecision = coldPrecision
        self.scheme = scheme
        self.seed = seed
        self.admissionCount = admissionCount
        self.statePrecision = statePrecision
        self.timeToLive = timeToLive
        self.fieldBits = fieldBits
    }

    public static let dimensionRange = 1...4096
    public static let fieldBitsRange = 0...32

    /// Throws ``StoreError`` `invalidSchema` or `unsupported` for a schema that no table can have
    /// here.
    func validate() throws(StoreError) {
        if !Self.dimensionRange.contains(dimension) {
            throw .invalidSchema("dimension must be 1…4096, not \(dimension)")
        }
        if let problem = optimizer.problem { throw .invalidSchema("optimizer: \(problem)") }
        if let problem = initializer.problem { throw .invalidSchema("initializer: \(problem)") }
        if admissionCount < 1 { throw .invalidSchema("admission count must be at least 1") }
        if let problem = scheme.problem(dimension: dimension) {
            throw .invalidSchema("scheme: \(problem)")
        }
        if admissionCount > 1, !scheme.admits {
            throw .invalidSchema("only schemes by frequency admit ids after some sightings")
        }
        if case .frequencyFiltered(.bloom) = scheme, admissionCount > BloomFilter.countMax {
            throw .invalidSchema(
                "a Bloom filter counts to \(BloomFilter.countMax), not to \(admissionCount)")
        }
        if statePrecision != .float32 && statePrecision != .float16 {
            throw .invalidSchema("optimizer state is kept in float32 or float16")
        }
        if !(0...Int(UInt32.max)).contains(timeToLive) {
            throw .invalidSchema("a time to live is 0…\(UInt32.max) seconds")
        }
        if timeToLive != 0, case .deepHash = scheme {
            throw .invalidSchema("the parameters of a network do not expire")
        }
        if !Self.fieldBitsRange.contains(fieldBits) {
            throw .invalidSchema("the field takes 0…32 bits of an id, not \(fieldBits)")
        }
    }

    /// Throws unless `name` is 1…255 bytes of ASCII letters, digits, `_`, `-`, `.` and `/`.
    static func validate(name: String) throws(StoreError) {
        let allowed = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
                UInt8(ascii: "."), UInt8(ascii: "/"):
                true
            default: false
            }
        }
        guard allowed, (1...255).contains(name.utf8.count) else {
            throw .invalidSchema(
                "a table's name is 1…255 ASCII letters, digits, '_', '-', '.', '/', not '\(name.prefix(64))'"
            )
        }
    }
}
