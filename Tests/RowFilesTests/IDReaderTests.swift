import RowFiles
import Testing

/// Files of ids.
@Suite struct IDReaderTests {
    private func read(_ text: String, limit: Int = 1000) throws -> [[UInt64]] {
        let folder = try TemporaryFolder()
        let reader = try IDReader(path: folder.file("ids", text.utf8))
        var batches: [[UInt64]] = []
        var ids: [UInt64] = []
        while try reader.next(into: &ids, limit: limit) { batches.append(ids) }
        #expect(reader.bytesRead == reader.byteCount)
        return batches
    }

    @Test(arguments: 1...4) func idsComeInTheirOrder(limit: Int) throws {
        let batches = try read("3\n18446744073709551615,7\r\n\n0\t1\n3 9\n , \n12", limit: limit)
        #expect(batches.flatMap(\.self) == [3, .max, 0, 3, 12])
        #expect(batches.dropLast().allSatisfy { $0.count == limit })
    }

    @Test(arguments: ["", "\n\n"]) func aFileMayHaveNone(text: String) throws {
        #expect(try read(text).isEmpty)
    }

    @Test(arguments: [
        ("1\nid\n", "line 2"), ("18446744073709551616", "line 1"), ("\n\n-4", "line 3"),
        ("1.5\n", "line 1"), ("+1\n", "line 1"),
    ]) func whatIsNoIDIsNamed(text: String, line: String) throws {
        let error = try #require(throws: RowFileError.self) { try read(text) }
        #expect("\(error)".contains("ids, \(line): "), "\(error)")
    }
}
