/// The lines of a reading that were no rows.
public struct MalformedLines: Sendable, Hashable {
    /// Lines that may be malformed; one more ends the reading.
    public let limit: Int
    public private(set) var count = 0
    /// The first of them, as `file:line: reason`.
    public private(set) var examples: [String] = []

    static let examplesMax = 10

    public init(limit: Int) { self.limit = limit }

    mutating func add(_ line: MalformedLine, file: String, lineNumber: Int) throws(CTRLabError) {
        count += 1
        let example = "\(file):\(lineNumber): \(line.reason)"
        if examples.count < Self.examplesMax { examples.append(example) }
        guard count > limit else { return }
        throw .badInput(
            limit == 0
                ? example
                : "more than \(limit) malformed lines, the first of them:\n"
                    + examples.joined(separator: "\n"))
    }
}
