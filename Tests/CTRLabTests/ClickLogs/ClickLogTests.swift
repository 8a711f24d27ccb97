import Foundation
import Testing

@testable import CTRLab

/// What the readers make of lines, sound and broken.
@Suite struct ClickLogTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Each row as `labels|field=text:number …`, a missing value as `field=∅`.
    private func rows(_ log: ClickLog) throws -> [String] {
        var rows: [String] = []
        try log.forEachRow { row, number in
            #expect(number == rows.count)
            let labels = row.labels.map { "\(Int($0))" }.joined(separator: ",")
            let values = row.values.map { value in
                let text = value.isMissing ? "∅" : "\(row.text(of: value)):\(value.number)"
                return "\(value.field)=\(text)"
            }
            rows.append(labels + "|" + values.joined(separator: " "))
        }
        return rows
    }

    private func error(_ body: () throws -> Void) -> CTRLabError? {
        do {
            try body()
            return nil
        } catch {
            return error as? CTRLabError
        }
    }

    @Test func criteoHasNumbersAndIDs() throws {
        let numbers = ["3", "-1", ""] + Array(repeating: "0", count: 9) + ["7"]
        let ids = ["8cf07265", ""] + Array(repeating: "c", count: 24)
        let line = (["1"] + numbers + ids).joined(separator: "\t")
        let header = (["label"] + (1...13).map { "I\($0)" } + (1...26).map { "C\($0)" })
            .joined(separator: "\t")
        for text in ["\(line)\n", "\(line)\r\n", line, "\(header)\n\(line)\n"] {
            let log = try ClickLog(files: [folder.write("log", text)], format: .criteo)
            #expect(log.schema.fields.count == 39)
            let row = try #require(try rows(log).first)
            #expect(row.hasPrefix("1|0=3:3.0 1=-1:-1.0 2=∅ 3=0:0.0"))
            #expect(row.contains(" 12=7:7.0 13=8cf07265:1.0 14=∅ 15=c:1.0"))
        }
    }

    @Test func avazuKeepsTheHourOfTheDay() throws {
        let line = "10000169,1,14102113,1005" + String(repeating: ",x", count: 20)
        let header = "id,click,hour" + String(repeating: ",h", count: 21)
        let path = try folder.write("log", "\(header)\n\(line)\n")
        let log = try ClickLog(files: [path], format: .avazu)
        #expect(log.schema.fields.count == 22)
        #expect(try rows(log)[0].hasPrefix("1|0=13:1.0 1=1005:1.0 2=x:1.0"))
    }

    @Test func libffmHasSeveralFeaturesInAField() throws {
        let path = try folder.write("log", "1 0:5:1 2:9:0.5 0:6:2\n-1 1:7:1\n")
        let log = try ClickLog(files: [path], format: .libffm())
        #expect(log.schema.fields.count == 3)
        #expect(try rows(log) == ["1|0=5:1.0 2=9:0.5 0=6:2.0", "0|1=7:1.0"])
        #expect(
            try ClickLog(files: [path], format: .libffm(fields: 9)).schema.fields.count == 9)
        let narrow = try ClickLog(files: [path], format: .libffm(fields: 2))
        #expect(error { try narrow.forEachRow { _, _ in } } != nil)
    }

    @Test func placesAreTheFieldsOfLIBSVM() throws {
        let path = try folder.write("log", "+1 3:1 7:0.5\n-1 4:1\n")
        let log = try ClickLog(files: [path], format: .libsvm())
        #expect(log.schema.fields.count == 2)
        #expect(try rows(log) == ["1|0=3:1.0 1=7:0.5", "0|0=4:1.0 1=∅"])
    }

    @Test func columnsHaveNames() throws {
        let path = try folder.write(
            "log", "a,like,n,click,skip\nx,0,1.5,1,q\n\"y, \"\"z\"\"\",1,,0,q\n")
        let columns = CSVColumns(labels: ["click", "like"], numbers: ["n"], ignored: ["skip"])
        let log = try ClickLog(files: [path], format: .csv(columns))
        // Labels and fields come in the file's order.
        #expect(log.schema.labels == ["like", "click"])
        #expect(log.schema.fields == [Field("a", .ids), Field("n", .number)])
        #expect(try rows(log) == ["0,1|0=x:1.0 1=1.5:1.5", "1,0|0=y, \"z\":1.0 1=∅"])
        let some = CSVColumns(labels: ["click"], ids: ["a"])
        #expect(
            try ClickLog(files: [path], format: .csv(some)).schema.fields == [Field("a", .ids)])
        let tabs = try folder.write("tabs", "click\ta,b\n1\tx,y\n")
        let tabbed = try ClickLog(files: [tabs], format: .csv(CSVColumns(labels: ["click"])))
        #expect(try rows(tabbed) == ["1|0=x,y:1.0"])
    }

    @Test func columnsThatDoNotExistAreNamed() throws {
        let path = try folder.write("log", "click,a\n1,x\n")
        func message(_ columns: CSVColumns) -> String? {
            error { _ = try ClickLog(files: [path], format: .csv(columns)) }?.description
        }
        let missing = message(CSVColumns(labels: ["clik"]))
        #expect(missing?.contains("no column \"clik\"; there are click, a") == true)
        #expect(message(CSVColumns(labels: [])) != nil)
        #expect(message(CSVColumns(labels: ["click"], ids: ["a"], numbers: ["a"])) != nil)
        let twice = try folder.write("twice", "click,a,a\n1,x,y\n")
        #expect(
            error {
                _ = try ClickLog(files: [twice], format: .csv(CSVColumns(labels: ["click"])))
            } != nil)
    }

    @Test(arguments: [
        ("1,x\n2,y\n", "label"), ("1,x\nnan,y\n", "label"), ("1,x\n,y\n", "label"),
        ("1,x\n1\n", "1 columns instead of 2"), ("1,x\n1,y,z\n", "3 columns instead of 2"),
        ("1,x\n\n", "label"), ("1,x\n1,\"y\n", "quote"),
        ("1,x\n1,\"y\"z\n", "quote"),
    ])
    func malformedLinesAreNamed(text: String, reason: String) throws {
        let path = try folder.write("log", "click,a\n\(text)")
        let format = LogFormat.csv(CSVColumns(labels: ["click"]))
        let log = try ClickLog(files: [path], format: format)
        let message = error { try log.forEachRow { _, _ in } }?.description ?? ""
        #expect(message.hasPrefix("\(path):3: "), "\(message)")
        #expect(message.contains(reason), "\(message)")

        let patient = try ClickLog(files: [path], format: format, malformedMax: 1)
        var count = 0
        let reading = try patient.forEachRow { _, _ in count += 1 }
        #expect(count == 1 && reading.rows == 1 && reading.malformed.count == 1)
        #expect(reading.malformed.examples[0].hasPrefix("\(path):3: "))
    }

    @Test(arguments: [
        "1 0:5", "1 0:5:x", "1 a:5:1", "1 -1:5:1", "1 0::1", "x 0:5:1", "1 0:5:1:1", "2 0:5:1",
        "1 99999:5:1", "", "1 0:5:inf",
    ])
    func malformedFeaturesAreNamed(line: String) throws {
        let path = try folder.write("log", "1 0:5:1\n\(line)\n")
        let log = try ClickLog(files: [path], format: .libffm(fields: 1))
        let message = error { try log.forEachRow { _, _ in } }?.description ?? ""
        #expect(message.hasPrefix("\(path):2: "), "\(message)")
    }

    @Test func numbersThatAreNoneAreNamed() throws {
        let path = try folder.write("log", "click,n\n1,2\n0,x\n")
        let columns = CSVColumns(labels: ["click"], numbers: ["n"])
        let log = try ClickLog(files: [path], format: .csv(columns))
        let message = error { try log.forEachRow { _, _ in } }?.description ?? ""
        #expect(message.contains(":3: ") && message.contains("not a number: \"x\""), "\(message)")
    }

    @Test func filesWithoutRowsAreAnError() throws {
        let empty = try folder.write("empty", "")
        let header = try folder.write("header", "click,a\n")
        let format = LogFormat.csv(CSVColumns(labels: ["click"]))
        #expect(error { _ = try ClickLog(files: [empty], format: format) } != nil)
        let log = try ClickLog(files: [header], format: format)
        #expect(error { try log.forEachRow { _, _ in } } == .badInput("\(header): no rows"))
        let criteo = try ClickLog(files: [empty], format: .criteo)
        #expect(error { try criteo.forEachRow { _, _ in } } == .badInput("\(empty): no rows"))
        let missing = try ClickLog(files: [folder.path("none")], format: .criteo)
        guard case .unreadable = error({ try missing.forEachRow { _, _ in } }) else {
            Issue.record("a file that is not there was read")
            return
        }
    }

    @Test func filesOfALogHaveTheSameColumns() throws {
        let first = try folder.write("first", "click,a\n1,x\n")
        let second = try folder.write("second", "click,a\n0,y\n")
        let other = try folder.write("other", "a,click\nx,1\n")
        let format = LogFormat.csv(CSVColumns(labels: ["click"]))
        #expect(
            try rows(ClickLog(files: [first, second], format: format)) == [
                "1|0=x:1.0", "0|0=y:1.0",
            ]
        )
        let log = try ClickLog(files: [first, other], format: format)
        #expect(
            error { try log.forEachRow { _, _ in } }?.description.contains("\(other):1") == true)
    }

    @Test func gzipReadsLikeText() throws {
        let lines = (0..<5000).map { "\($0 % 2) 0:\($0):1" }.joined(separator: "\n")
        let path = folder.path("log.gz")
        let file = try TextFile(path: path)
        try file.write(lines.utf8)
        try file.finish()
        let bytes = try Data(contentsOf: URL(filePath: path))
        #expect(bytes.starts(with: [0x1F, 0x8B]) && bytes.count < lines.utf8.count)
        #expect(try rows(ClickLog(files: [path], format: .libffm())).count == 5000)

        let cut = folder.path("cut.gz")
        try bytes.prefix(bytes.count / 2).write(to: URL(filePath: cut))
        let log = try ClickLog(files: [cut], format: .libffm(fields: 1), malformedMax: 10)
        #expect(
            error { try log.forEachRow { _, _ in } }
                == .badInput("\(cut): the gzip file is cut short"))

        var damaged = bytes
        for index in bytes.count / 2..<bytes.count / 2 + 40 { damaged[index] ^= 0xFF }
        let bad = folder.path("bad.gz")
        try damaged.write(to: URL(filePath: bad))
        let broken = try ClickLog(files: [bad], format: .libffm(fields: 1), malformedMax: 5000)
        guard case .badInput = error({ try broken.forEachRow { _, _ in } }) else {
            Issue.record("a damaged file was read")
            return
        }
    }

    @Test func linesLongerThanTheBufferAreWhole() throws {
        let text = "1 " + (0..<60_000).map { "0:\($0):1" }.joined(separator: " ")
        let path = try folder.write("log", text + "\n0 0:1:1\n")
        let log = try ClickLog(files: [path], format: .libffm(fields: 1))
        var counts: [Int] = []
        try log.forEachRow { row, _ in counts.append(row.values.count) }
        #expect(counts == [60_000, 1])
    }

    @Test(arguments: ["criteo_raw8k/criteo_train.tsv.gz", "criteo_first80k/criteo_first80k.tsv.gz"])
    func criteoFilesAreRead(name: String) throws {
        guard let path = RealData.path(name) else { return }
        let reading = try ClickLog(files: [path], format: .criteo).forEachRow { _, _ in }
        #expect(reading.rows == (name.contains("80k") ? 80_000 : 7200))
    }

    @Test func avazuFilesAreRead() throws {
        guard let path = RealData.path("avazu_raw/avazu_train.csv.gz") else { return }
        // The file has one more header in between.
        let log = try ClickLog(files: [path], format: .avazu, malformedMax: 1)
        let reading = try log.forEachRow { _, _ in }
        #expect(reading.rows + reading.malformed.count == 8087)
    }
}
