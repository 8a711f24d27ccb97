/// Rows for training, validation and test, in files.
public enum SplitLog: Sendable {
    /// One log, divided.
    case divided(ClickLog, Split)
    /// A log for each part.
    case files(training: ClickLog, validation: ClickLog, test: ClickLog)

    public var schema: LogSchema {
        switch self {
        case .divided(let log, _): log.schema
        case .files(let training, _, _): training.schema
        }
    }

    /// Calls `body` with the rows of some parts, in the order of the files.
    ///
    /// - Returns: the malformed lines of the files that were read.
    /// - Throws: as ``ClickLog/forEachRow(_:)``, and `badSettings` for shares that are none.
    @discardableResult
    public func forEachRow(
        of parts: Set<Part>, _ body: (_ row: ClickRow, _ part: Part) throws -> Void
    ) throws -> [MalformedLines] {
        switch self {
        case .divided(let log, let split):
            let part = try Self.chooser(split, log)
            let reading = try log.forEachRow { row, number in
                if let part = part(number), parts.contains(part) { try body(row, part) }
            }
            return [reading.malformed]
        case .files(let training, let validation, let test):
            return try zip(Part.allCases, [training, validation, test])
                .filter { part, _ in parts.contains(part) }
                .map { part, log in try log.forEachRow { row, _ in try body(row, part) }.malformed }
        }
    }

    /// The part of the row with a number; nil for a row that is left over.
    private static func chooser(
        _ split: Split, _ log: ClickLog
    ) throws -> (_ row: Int) -> Part? {
        switch split {
        case .sequentialRows(let training, let validation, let test):
            guard min(training, validation, test) >= 0 else {
                throw CTRLabError.badSettings("a number of rows is negative")
            }
            return { row in
                if row < training { return .training }
                if row < training + validation { return .validation }
                return row < training + validation + test ? .test : nil
            }
        case .sequential(let training, let validation, let test):
            try check(training, validation, test)
            let rows = Double(try log.forEachRow { _, _ in }.rows)
            let ends = [training, training + validation, training + validation + test].map {
                Int(($0 * rows).rounded())
            }
            return { row in ends.firstIndex { row < $0 }.flatMap(Part.init(rawValue:)) }
        case .random(let training, let validation, let test, let seed):
            try check(training, validation, test)
            let ends = [training, training + validation, training + validation + test]
            let salt = SplitMix64.mix(seed)
            return { row in
                var random = SplitMix64(seed: salt ^ UInt64(row))
                let draw = random.unit()
                return ends.firstIndex { draw < $0 }.flatMap(Part.init(rawValue:))
            }
        }
    }

    private static func check(_ shares: Double...) throws(CTRLabError) {
        // A little more than 1 is what rounding makes of tenths.
        guard shares.allSatisfy({ $0 >= 0 }), shares.reduce(0, +) <= 1 + 1e-9 else {
            throw .badSettings("the shares of a split are at least 0 and add up to at most 1")
        }
    }
}
