internal import CTRLab

/// How splits and number encodings are written on the command line: `random:0.8,0.1,0.1,7`,
/// `normalized:100+log`.
enum FeatureSyntax {
    typealias Malformed = SchemaSyntax.Malformed

    /// `sequential:0.8,0.1,0.1`, `rows:64000,8000,8000` or `random:0.8,0.1,0.1,SEED`.
    static func split(_ text: String) throws(Malformed) -> Split {
        let spec = SchemaSyntax.Spec(text)
        switch spec.name {
        case "sequential":
            let shares = try spec.numbers(3)
            return .sequential(training: shares[0], validation: shares[1], test: shares[2])
        case "rows":
            let rows = try spec.numbers(3).map { Int(exactly: $0) }
            guard let training = rows[0], let validation = rows[1], let test = rows[2] else {
                throw Malformed(description: "\(text.debugDescription): rows are whole numbers")
            }
            return .sequentialRows(training: training, validation: validation, test: test)
        case "random":
            let numbers = try spec.numbers(4)
            guard let seed = UInt64(exactly: numbers[3]) else {
                throw Malformed(description: "\(text.debugDescription): the seed comes last")
            }
            return .random(
                training: numbers[0], validation: numbers[1], test: numbers[2], seed: seed)
        default:
            throw Malformed(
                description: "no split: \(text.debugDescription); there are "
                    + "sequential:TRAIN,VALID,TEST, rows:TRAIN,VALID,TEST and "
                    + "random:TRAIN,VALID,TEST,SEED")
        }
    }

    /// Encodings of one field, joined by `+`.
    static func numbers(_ text: String) throws(Malformed) -> [NumberEncoding] {
        var encodings: [NumberEncoding] = []
        for part in text.split(separator: "+", omittingEmptySubsequences: false) {
            encodings.append(try encoding(String(part)))
        }
        return encodings
    }

    private static func encoding(_ text: String) throws(Malformed) -> NumberEncoding {
        let spec = SchemaSyntax.Spec(text)
        func count() throws(Malformed) -> Int {
            guard let count = Int(exactly: try spec.numbers(1)[0]) else {
                throw Malformed(description: "\(text.debugDescription): a whole number follows")
            }
            return count
        }
        switch spec.name {
        case "normalized": return .normalized(bins: try count())
        case "raw": return .raw
        case "sqrt": return .squareRoot
        case "square": return .square
        case "log": return .log
        case "equalfrequency": return .equalFrequency(bins: try count())
        case "equalwidth": return .equalWidth(bins: try count())
        case "logbuckets": return .logBuckets
        case "tree": return .tree(leaves: try count())
        case "scaled": return .scaledEmbedding
        default:
            throw Malformed(
                description: "no encoding of numbers: \(text.debugDescription); there are "
                    + "normalized:BINS, raw, sqrt, square, log, equal-frequency:BINS, "
                    + "equal-width:BINS, log-buckets, tree:LEAVES and scaled")
        }
    }

    /// `NAME=ENCODINGS`
    static func numberField(
        _ text: String
    ) throws(Malformed) -> (name: String, encodings: [NumberEncoding]) {
        let parts = text.split(separator: "=", maxSplits: 1)
        guard parts.count == 2 else {
            throw Malformed(description: "\(text.debugDescription) is not FIELD=ENCODINGS")
        }
        return (String(parts[0]), try numbers(String(parts[1])))
    }

    /// `NAME=COUNT`
    static func fieldCount(_ text: String) throws(Malformed) -> (name: String, count: Int) {
        let parts = text.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, let count = Int(parts[1]), count >= 1 else {
            throw Malformed(
                description: "\(text.debugDescription) is not FIELD=N, N at least 1")
        }
        return (String(parts[0]), count)
    }

    /// `none`, `dlrm:HIDDEN,…` or `autodis:META,TEMPERATURE`.
    static func numberNetwork(_ text: String) throws(Malformed) -> NumberNetwork {
        let spec = SchemaSyntax.Spec(text)
        switch spec.name {
        case "none":
            return .none
        case "dlrm":
            let hidden = text.split(separator: ":").dropFirst().first ?? ""
            return .dlrm(hidden: try widths(String(hidden)))
        case "autodis":
            let numbers = try spec.numbers(2)
            guard let count = Int(exactly: numbers[0]) else {
                throw Malformed(description: "\(text.debugDescription): META is a whole number")
            }
            return .autoDis(metaEmbeddings: count, temperature: Float(numbers[1]))
        default:
            throw Malformed(
                description: "no network for numbers: \(text.debugDescription); there are none, "
                    + "dlrm:HIDDEN,… and autodis:META,TEMPERATURE")
        }
    }

    /// Layer widths: `400,400,400`.
    static func widths(_ text: String) throws(Malformed) -> [Int] {
        let parts = text.split(separator: ",", omittingEmptySubsequences: true)
        let widths = parts.compactMap { Int($0) }
        guard widths.count == parts.count else {
            throw Malformed(description: "layers are whole numbers: \(text.debugDescription)")
        }
        return widths
    }
}
