internal import Foundation

/// An answer that is JSON on the wire; the names are documented in Protocol.md.
protocol Report: Encodable {}

extension Report {
    var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        // Strings, integers and finite numbers: there is nothing in a report that JSON cannot say.
        return String(decoding: try! encoder.encode(self), as: UTF8.self)
    }
}
