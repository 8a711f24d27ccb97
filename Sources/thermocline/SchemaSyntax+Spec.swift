internal import EmbeddingWire

extension SchemaSyntax {
    /// `NAME:PARAMETER,PARAMETER…`, taken apart; named parameters are taken out one by one.
    struct Spec {
        /// In lower case, without hyphens.
        let name: String
        private let text: String
        private var parameters: [Substring]

        init(_ text: String) {
            self.text = text
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            name = parts[0].lowercased().filter { $0 != "-" }
            parameters =
                parts.count == 1 || parts[1].isEmpty
                ? [] : parts[1].split(separator: ",", omittingEmptySubsequences: false)
        }

        /// All parameters as numbers without names.
        func numbers(_ count: Int) throws(Malformed) -> [Double] {
            let numbers = parameters.compactMap { Double($0) }
            guard numbers.count == parameters.count, numbers.count == count,
                numbers.allSatisfy(\.isFinite)
            else {
                let wanted = count == 1 ? "1 number" : "\(count) numbers"
                throw Malformed(
                    description: "\(text.debugDescription): \(wanted) go after the name")
            }
            return numbers
        }

        mutating func number(_ key: String, else fallback: Double) throws(Malformed) -> Double {
            guard let value = take(key) else { return fallback }
            guard let number = Double(value), number.isFinite else {
                throw Malformed(
                    description: "\(text.debugDescription): \(key) is a number, not "
                        + String(value).debugDescription)
            }
            return number
        }

        /// A number of things, which has to be given.
        mutating func count(_ key: String) throws(Malformed) -> UInt64 {
            guard let value = take(key), let count = UInt64(value), count > 0 else {
                throw Malformed(
                    description: "\(text.debugDescription): \(key)=N is needed, N at least 1")
            }
            return count
        }

        mutating func admissionCount() throws(Malformed) -> UInt32 {
            let key = "admit-after"
            guard let count = UInt32(exactly: try count(key)) else {
                throw Malformed(
                    description: "\(text.debugDescription): \(key) is at most \(UInt32.max)")
            }
            return count
        }

        /// A number of things that has a default.
        mutating func count(_ key: String, else fallback: UInt64) throws(Malformed) -> UInt64 {
            guard let value = take(key) else { return fallback }
            guard let count = UInt64(value) else {
                throw Malformed(
                    description: "\(text.debugDescription): \(key) is a number of things, not "
                        + String(value).debugDescription)
            }
            return count
        }

        /// One of the words of a type.
        mutating func word<Word: CaseIterable>(
            _ key: String, else fallback: Word
        ) throws(Malformed) -> Word {
            guard let value = take(key) else { return fallback }
            let words = Word.allCases.map { ($0, SchemaSyntax.hyphenated("\($0)")) }
            guard let (word, _) = words.first(where: { $0.1 == value }) else {
                throw Malformed(
                    description: "\(text.debugDescription): \(key) is one of "
                        + words.map(\.1).joined(separator: ", "))
            }
            return word
        }

        /// Checks that every parameter was taken.
        func end() throws(Malformed) {
            guard let first = parameters.first else { return }
            throw Malformed(
                description: "\(text.debugDescription) has no parameter "
                    + String(first).debugDescription)
        }

        private mutating func take(_ key: String) -> Substring? {
            guard let index = parameters.firstIndex(where: { $0.hasPrefix("\(key)=") }) else {
                return nil
            }
            return parameters.remove(at: index).dropFirst(key.count + 1)
        }
    }
}
