/// Reads the tokens of a header that is written as a literal: JSON's objects, or Python's.
///
/// Only what such headers are made of: strings, whole numbers, names and punctuation.
struct HeaderScanner {
    /// What is wrong, and at which byte of the header.
    struct Failure: Error {
        let offset: Int
        let reason: String
    }

    private let bytes: [UInt8]
    private(set) var offset = 0
    /// The characters that strings are written between.
    private let quotes: [UInt8]

    init(_ bytes: [UInt8], quotes: String) {
        self.bytes = bytes
        self.quotes = Array(quotes.utf8)
    }

    func failure(_ reason: String) -> Failure { Failure(offset: offset, reason: reason) }

    private mutating func skipSpace() {
        while offset < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[offset]) { offset += 1 }
    }

    var isAtEnd: Bool {
        mutating get {
            skipSpace()
            return offset == bytes.count
        }
    }

    /// Goes past the character if it comes next.
    mutating func take(_ character: Character) -> Bool {
        skipSpace()
        guard offset < bytes.count, bytes[offset] == character.asciiValue else { return false }
        offset += 1
        return true
    }

    mutating func expect(_ character: Character) throws(Failure) {
        guard take(character) else { throw failure("no '\(character)' where one belongs") }
    }

    mutating func string() throws(Failure) -> String {
        skipSpace()
        guard offset < bytes.count, quotes.contains(bytes[offset]) else {
            throw failure("no string where one belongs")
        }
        let quote = bytes[offset]
        offset += 1
        let start = offset
        while offset < bytes.count, bytes[offset] != quote {
            // An escaped character is passed over; names that matter here have none.
            offset += bytes[offset] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard offset < bytes.count else { throw failure("a string without an end") }
        defer { offset += 1 }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    /// A word without quotes: a number or a name.
    mutating func word() throws(Failure) -> String {
        skipSpace()
        let start = offset
        while offset < bytes.count, Self.isOfWord(bytes[offset]) { offset += 1 }
        guard offset > start else { throw failure("no value where one belongs") }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    private static func isOfWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    mutating func number() throws(Failure) -> Int {
        let word = try word()
        guard let number = Int(word), number >= 0 else {
            throw failure("\(word.prefix(32)) where a number of at least 0 belongs")
        }
        return number
    }

    /// Numbers between brackets, with commas; the last may be followed by one if `trailingComma`.
    mutating func numbers(
        _ open: Character, _ close: Character, trailingComma: Bool
    ) throws(Failure) -> [Int] {
        try expect(open)
        var numbers: [Int] = []
        if take(close) { return numbers }
        while true {
            numbers.append(try number())
            if take(close) { return numbers }
            try expect(",")
            if trailingComma, take(close) { return numbers }
        }
    }

    /// The entries of an object; `body` reads the value of each key. No key may come twice.
    mutating func object(
        trailingComma: Bool, _ body: (inout HeaderScanner, String) throws(Failure) -> Void
    ) throws(Failure) {
        try expect("{")
        var keys: Set<String> = []
        if take("}") { return }
        while true {
            let key = try string()
            guard keys.insert(key).inserted else { throw failure("'\(key)' comes twice") }
            try expect(":")
            try body(&self, key)
            if take("}") { return }
            try expect(",")
            if trailingComma, take("}") { return }
        }
    }
}
