import Foundation
import RowFiles
import Testing

/// Ids of strings against the vectors that the Python tests read too.
@Suite struct StringIDTests {
    private struct Vectors: Decodable {
        struct Published: Decodable {
            var hex: String
            var id: String
        }
        struct Text: Decodable {
            var string: String
            var field: UInt32?
            var fieldBits: Int?
            var id: String
        }
        var published: [Published]
        var strings: [Text]
        var fields: [Text]
    }

    private let vectors: Vectors

    init() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Fixtures/string-ids.json")
        vectors = try JSONDecoder().decode(Vectors.self, from: Data(contentsOf: file))
    }

    private func number(_ hex: String) -> UInt64? { UInt64(hex.dropFirst(2), radix: 16) }

    @Test func publishedVectorsOfXXH64() {
        for vector in vectors.published {
            let digits = Array(vector.hex)
            let bytes = stride(from: 0, to: digits.count, by: 2).map {
                UInt8(String(digits[$0...$0 + 1]), radix: 16)!
            }
            let id = bytes.withUnsafeBytes { StringID.id(of: $0) }
            #expect(id == number(vector.id), "\(bytes.count) bytes")
        }
    }

    @Test func stringsAndFields() {
        for vector in vectors.strings + vectors.fields {
            let field = vector.field.map { StringID.Field($0, bits: vector.fieldBits!)! }
            #expect(StringID.id(of: vector.string, in: field) == number(vector.id), "\(vector)")
        }
    }

    @Test func fieldsThatDoNotFit() {
        #expect(StringID.Field(2, bits: 1) == nil)
        #expect(StringID.Field(0, bits: 0) == nil)
        #expect(StringID.Field(0, bits: 33) == nil)
        #expect(StringID.Field(.max, bits: 32) != nil)
    }
}
