/// One row of a click log as it was read; the same storage serves row after row.
public struct ClickRow {
    /// A value of a field. A field may have several in a row, or none.
    public struct Value: Hashable, Sendable {
        /// Index of the field in ``LogSchema/fields``.
        public var field: Int
        /// Where the value is in the row's bytes; empty when it is missing.
        var text: Range<Int>
        /// Of a number field the value, of an id field the id's weight (1 unless the log says
        /// otherwise).
        public var number: Float

        public var isMissing: Bool { text.isEmpty }
    }

    /// 0 or 1, in the order of ``LogSchema/labels``.
    public internal(set) var labels: [Float] = []
    /// In the order of their fields, if each field has one value; else as they stand in the log.
    public internal(set) var values: [Value] = []
    var bytes: [UInt8] = []

    /// A value as it stands in the log.
    public func text(of value: Value) -> String {
        String(decoding: bytes[value.text], as: UTF8.self)
    }
}

/// Why a line is not a row.
struct MalformedLine: Error {
    var reason: String
}

extension ClickRow {
    /// The finite number in a part of the row's bytes.
    func number(in range: Range<Int>, _ what: @autoclosure () -> String) throws(MalformedLine)
        -> Float
    {
        let text = String(decoding: bytes[range], as: UTF8.self)
        guard let number = Float(text), number.isFinite else {
            throw MalformedLine(reason: "\(what()) is not a number: \(text.debugDescription)")
        }
        return number
    }

    /// The label in a part of the row's bytes: 0 or 1, and with `signed` also −1 for 0.
    func label(in range: Range<Int>, signed: Bool, _ name: String) throws(MalformedLine) -> Float {
        let text = bytes[range]
        if text.count == 1, text.first == UInt8(ascii: "0") { return 0 }
        if text.count == 1, text.first == UInt8(ascii: "1") { return 1 }
        let number = try number(in: range, "the label \(name)")
        switch number {
        case 0: return 0
        case -1 where signed: return 0
        case 1: return 1
        default:
            throw MalformedLine(
                reason: "the label \(name) is \(number), not 0 or 1")
        }
    }
}
