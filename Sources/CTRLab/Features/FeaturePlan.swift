/// What is to be made of the fields of a log.
public struct FeaturePlan: Sendable, Hashable, Codable {
    /// Times that an id must come in the training rows to keep an id of its own; the others of its
    /// field share one. 1 keeps all, also those that training has not seen.
    public var idCountMin: Int
    /// The same for single fields, by name.
    public var idCountMinByField: [String: Int]
    /// What every field of numbers becomes; it may become several things.
    public var numbers: [NumberEncoding]
    /// The same for single fields, by name.
    public var numbersByField: [String: [NumberEncoding]]

    public init(
        idCountMin: Int = 1, idCountMinByField: [String: Int] = [:],
        numbers: [NumberEncoding] = [.equalFrequency(bins: 64)],
        numbersByField: [String: [NumberEncoding]] = [:]
    ) {
        self.idCountMin = idCountMin
        self.idCountMinByField = idCountMinByField
        self.numbers = numbers
        self.numbersByField = numbersByField
    }

    /// Throws `badSettings` for a field that the log has not, or that is of the other kind, and for
    /// bins that are none.
    func validate(_ schema: LogSchema) throws(CTRLabError) {
        func check(_ name: String, _ kind: Field.Kind) throws(CTRLabError) {
            guard schema.fields.contains(where: { $0.name == name && $0.kind == kind }) else {
                let what = kind == .ids ? "ids" : "numbers"
                throw .badSettings("the log has no field of \(what) named \(name.debugDescription)")
            }
        }
        for name in idCountMinByField.keys.sorted() { try check(name, .ids) }
        for name in numbersByField.keys.sorted() { try check(name, .number) }
        for encodings in [numbers] + numbersByField.values {
            for encoding in encodings {
                switch encoding {
                case .normalized(let n), .equalFrequency(let n), .equalWidth(let n), .tree(let n):
                    guard (2...100_000).contains(n) else {
                        throw .badSettings("numbers go into 2 to 100000 bins, not \(n)")
                    }
                case .raw, .squareRoot, .square, .log, .logBuckets, .scaledEmbedding:
                    break
                }
            }
        }
    }
}
