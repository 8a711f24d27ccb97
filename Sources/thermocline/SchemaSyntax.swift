internal import ArgumentParser
internal import EmbeddingWire

/// How optimizers, initializers and schemes are written on the command line: a name, then its
/// parameters after a colon, as in `adagrad:lr=0.05,eps=1e-10`, `uniform:-0.01,0.01` or
/// `double-hashed:rows=1000000,combine=sum`.
///
/// What is printed can be given back. Names may also be written as in the protocol
/// (`rowwiseAdagrad`).
enum SchemaSyntax {
    /// Text that is none of these; says what would be.
    struct Malformed: Error, CustomStringConvertible {
        var description: String
    }

    /// Lets the argument parser word what `parse` throws as a mistake in the arguments.
    static func checked<Value>(
        _ parse: @escaping @Sendable (String) throws(Malformed) -> Value
    ) -> @Sendable (String) throws -> Value {
        { text in
            do throws(Malformed) {
                return try parse(text)
            } catch {
                throw ValidationError(error.description)
            }
        }
    }

    // MARK: Optimizers

    static func optimizer(_ text: String) throws(Malformed) -> Optimizer {
        var spec = Spec(text)
        let optimizer: Optimizer
        switch spec.name {
        case "sgd":
            optimizer = .sgd(learningRate: try spec.number("lr", else: 0.01))
        case "momentum":
            optimizer = .momentum(
                learningRate: try spec.number("lr", else: 0.01),
                momentum: try spec.number("momentum", else: 0.9))
        case "adagrad":
            optimizer = .adagrad(
                learningRate: try spec.number("lr", else: 0.01),
                initialAccumulator: try spec.number("initial", else: 0),
                epsilon: try spec.number("eps", else: 1e-10))
        case "rowwiseadagrad":
            optimizer = .rowwiseAdagrad(
                learningRate: try spec.number("lr", else: 0.01),
                initialAccumulator: try spec.number("initial", else: 0),
                epsilon: try spec.number("eps", else: 1e-10))
        case "adam":
            optimizer = .adam(
                learningRate: try spec.number("lr", else: 0.001),
                beta1: try spec.number("beta1", else: 0.9),
                beta2: try spec.number("beta2", else: 0.999),
                epsilon: try spec.number("eps", else: 1e-8))
        case "ftrl":
            optimizer = .ftrl(
                alpha: try spec.number("alpha", else: 0.05),
                beta: try spec.number("beta", else: 1),
                l1: try spec.number("l1", else: 0), l2: try spec.number("l2", else: 0))
        default:
            throw Malformed(
                description: "no optimizer: \(text.debugDescription); there are sgd, momentum, "
                    + "adagrad, rowwise-adagrad, adam and ftrl")
        }
        try spec.end()
        return optimizer
    }

    static func text(_ optimizer: Optimizer) -> String {
        let shortNames = [
            "learningRate": "lr", "initialAccumulator": "initial", "epsilon": "eps",
        ]
        let parameters = optimizer.parameters.map { name, value in
            "\(shortNames[name] ?? name)=\(plain(value))"
        }
        return "\(hyphenated(optimizer.name)):\(parameters.joined(separator: ","))"
    }

    // MARK: Initializers

    static func initializer(_ text: String) throws(Malformed) -> Initializer {
        let spec = Spec(text)
        switch spec.name {
        case "zeros":
            _ = try spec.numbers(0)
            return .zeros
        case "constant":
            return .constant(try spec.numbers(1)[0])
        case "uniform":
            let numbers = try spec.numbers(2)
            return .uniform(low: numbers[0], high: numbers[1])
        case "normal":
            let numbers = try spec.numbers(2)
            return .normal(mean: numbers[0], standardDeviation: numbers[1])
        default:
            throw Malformed(
                description: "no initializer: \(text.debugDescription); there are zeros, "
                    + "constant:VALUE, uniform:LOW,HIGH and normal:MEAN,DEVIATION")
        }
    }

    static func text(_ initializer: Initializer) -> String {
        let numbers = initializer.parameters.map(plain)
        return numbers.isEmpty
            ? initializer.name : "\(initializer.name):\(numbers.joined(separator: ","))"
    }

    // MARK: Schemes

    /// A scheme, and the admission count that goes with it.
    static func scheme(
        _ text: String
    ) throws(Malformed) -> (scheme: Scheme, admissionCount: UInt32) {
        var spec = Spec(text)
        var admissionCount: UInt32 = 1
        let scheme: Scheme
        switch spec.name {
        case "full":
            scheme = .full
        case "hashed":
            scheme = .hashed(rows: try spec.count("rows"))
        case "doublehashed":
            scheme = .doubleHashed(
                rows: try spec.count("rows"), combine: try spec.word("combine", else: .sum))
        case "frequencydoublehashed":
            scheme = .frequencyDoubleHashed(
                own: try spec.count("own"), shared: try spec.count("shared"),
                score: try spec.word("score", else: .count))
            admissionCount = try spec.admissionCount()
        case "frequencyfiltered":
            scheme = .frequencyFiltered(counters: try spec.count("counters", else: 0))
            admissionCount = try spec.admissionCount()
        case "quotientremainder":
            scheme = .quotientRemainder(
                rows: try spec.count("rows"), combine: try spec.word("combine", else: .sum))
        case "deephash":
            scheme = .deepHash(
                hashes: try spec.count("hashes"), hidden: try spec.count("hidden"))
        default:
            throw Malformed(
                description: "no scheme: \(text.debugDescription); there are full, hashed:rows=N, "
                    + "double-hashed:rows=N,combine=sum, frequency-double-hashed:own=N,shared=N,"
                    + "admit-after=N, frequency-filtered:admit-after=N, "
                    + "quotient-remainder:rows=N,combine=sum and deep-hash:hashes=N,hidden=N")
        }
        try spec.end()
        return (scheme, admissionCount)
    }

    static func text(_ scheme: Scheme, admissionCount: UInt32) -> String {
        let parameters: [String]
        switch scheme {
        case .full:
            parameters = []
        case .hashed(let rows):
            parameters = ["rows=\(rows)"]
        case .doubleHashed(let rows, let combine), .quotientRemainder(let rows, let combine):
            parameters = ["rows=\(rows)", "combine=\(combine)"]
        case .frequencyDoubleHashed(let own, let shared, let score):
            parameters =
                ["own=\(own)", "shared=\(shared)", "admit-after=\(admissionCount)"]
                + (score == .count ? [] : ["score=\(hyphenated("\(score)"))"])
        case .frequencyFiltered(let counters):
            parameters =
                ["admit-after=\(admissionCount)"] + (counters == 0 ? [] : ["counters=\(counters)"])
        case .deepHash(let hashes, let hidden):
            parameters = ["hashes=\(hashes)", "hidden=\(hidden)"]
        }
        let name = hyphenated(scheme.name)
        return parameters.isEmpty ? name : "\(name):\(parameters.joined(separator: ","))"
    }

    // MARK: Words

    /// `rowwiseAdagrad` as `rowwise-adagrad`.
    static func hyphenated(_ name: String) -> String {
        name.reduce(into: "") { text, letter in
            text += letter.isUppercase ? "-\(letter.lowercased())" : "\(letter)"
        }
    }

    /// The shortest text that reads as `value`, whole numbers without a fraction.
    private static func plain(_ value: Double) -> String {
        let text = "\(value)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
