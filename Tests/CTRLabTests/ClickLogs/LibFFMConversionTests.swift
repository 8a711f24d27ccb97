import Foundation
import Testing

@testable import CTRLab

@Suite struct LibFFMConversionTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test func featuresAreNumberedAsTheyCome() throws {
        let path = try folder.write(
            "log", "click,a,n,b\n1,x,2.5,x\n0,y,,x\n1,x,-3,\n")
        let columns = CSVColumns(labels: ["click"], numbers: ["n"])
        let log = try ClickLog(files: [path], format: .csv(columns))
        let output = folder.path("out.ffm")
        let (summary, _) = try LibFFMConversion(log).write(to: output)
        let text = try String(contentsOfFile: output, encoding: .utf8)
        #expect(
            text == "1 0:0:1 1:1:2.5 2:2:1\n0 0:3:1 2:2:1\n1 0:0:1 1:1:-3\n")
        #expect(summary.rows == 3 && summary.features == 4 && summary.fields == 3)
        let back = try ClickLog(files: [output], format: .libffm())
        #expect(try back.forEachRow { _, _ in }.rows == 3)
    }

    @Test func nothingHalfWrittenStays() throws {
        let path = try folder.write("log", "click,a\n1,x\nbad\n")
        let log = try ClickLog(files: [path], format: .csv(CSVColumns(labels: ["click"])))
        #expect(throws: CTRLabError.self) {
            try LibFFMConversion(log).write(to: folder.path("out"))
        }
        #expect(try folder.names == ["log"])
    }

    @Test func aFolderThatIsNotThereIsAnError() throws {
        let path = try folder.write("log", "click,a\n1,x\n")
        let log = try ClickLog(files: [path], format: .csv(CSVColumns(labels: ["click"])))
        #expect(throws: CTRLabError.self) {
            try LibFFMConversion(log).write(to: folder.path("none/out"))
        }
    }

    @Test func oneLabelOnly() throws {
        let path = try folder.write("log", "click,like,a\n1,0,x\n")
        let columns = CSVColumns(labels: ["click", "like"])
        let log = try ClickLog(files: [path], format: .csv(columns))
        #expect(throws: CTRLabError.self) { try LibFFMConversion(log) }
    }
}
