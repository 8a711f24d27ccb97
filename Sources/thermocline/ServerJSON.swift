internal import Foundation

/// JSON that a server sent.
enum ServerJSON {
    /// - Throws: ``Failure`` of status 70 when the text is not what this version of the command
    ///   knows.
    static func decode<Value: Decodable>(_: Value.Type, from text: String) throws -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: Data(text.utf8))
        } catch {
            throw Failure(.defect, "the server's answer is not understood: \(error)")
        }
    }
}
