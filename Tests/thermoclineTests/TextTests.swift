import EmbeddingWire
import Testing

@testable import thermocline

@Suite struct TextTests {
    @Test func bytesHaveBinaryUnits() {
        #expect(Units.bytes(0) == "0 B")
        #expect(Units.bytes(1023) == "1023 B")
        #expect(Units.bytes(1536) == "1.50 KiB")
        #expect(Units.bytes(25 << 30) == "25.0 GiB")
        #expect(Units.bytes(.max) == "16384 PiB")
    }

    @Test func countsHaveDecimalUnits() {
        #expect(Units.count(0) == "0")
        #expect(Units.count(999) == "999")
        #expect(Units.count(1500) == "1.50k")
        #expect(Units.count(16_000_000) == "16.0M")
        #expect(Units.count(.max) == "18.4E")
    }

    @Test func timesHaveTheUnitThatSuitsThem() {
        #expect(Units.microseconds(85) == "85.0 µs")
        #expect(Units.microseconds(1500) == "1.50 ms")
        #expect(Units.microseconds(2_000_000) == "2.00 s")
        #expect(Units.duration(seconds: 42.9) == "42 s")
        #expect(Units.duration(seconds: 185) == "3 min 5 s")
        #expect(Units.duration(seconds: 7400) == "2 h 3 min")
        #expect(Units.duration(seconds: 90_000) == "1 d 1 h")
        #expect(Units.percent(0.12345) == "12.35 %")
    }

    @Test func columnsLineUp() {
        var table = TextTable(header: ["NAME", "N"], numbers: [1])
        table.add("a", "100")
        table.add("longer", "7")
        #expect(table.text == "NAME      N\na       100\nlonger    7")
        #expect(TextTable().text == "")
    }

    @Test func tablesAreDescribed() throws {
        let schema = TableSchema(dimension: 8, scheme: .hashed(rows: 100), seed: .max)
        let table = TableDescription("item", schema, rows: 1234)
        let text = try table.text(asJSON: false)
        #expect(text.contains("\noptimizer    adagrad:lr=0.01,initial=0,eps=1e-10\n"))
        #expect(text.contains("\nscheme       hashed:rows=100\n"))
        let json = try table.text(asJSON: true)
        #expect(json.contains(#""seed" : "18446744073709551615""#))
        #expect(TableList.text([table]).hasPrefix("NAME   ROWS  DIM"))
    }

    @Test func checkpointsAreDescribed() throws {
        let json = #"{"path":"/a","rows":1500,"bytes":2048,"seconds":0.251}"#
        #expect(try Checkpoint.text(json) == "/a: 1.50k rows, 2.00 KiB, 0.25 s")
        #expect(throws: Failure.self) { try Checkpoint.text("{}") }
        let local = ServerAddress.unix(path: "/s")
        #expect(try Checkpoint.absolute("/x/y", server: local) == "/x/y")
        #expect(try Checkpoint.absolute("y", server: local).hasSuffix("/y"))
        #expect(try Checkpoint.absolute("../y", server: local).hasPrefix("/"))
        #expect(throws: Failure.self) {
            try Checkpoint.absolute("y", server: .tcp(host: "h", port: 1))
        }
    }
}
