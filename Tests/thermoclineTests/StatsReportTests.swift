import Testing

@testable import thermocline

@Suite struct StatsReportTests {
    private func json(uptime: Double, rows: Int, tables: String = "") -> String {
        """
        {"uptimeSeconds": \(uptime), "memory": {"limitBytes": 1048576, "hotBytes": 524288},
         "hits": 900, "misses": 100, "hitRatio": 0.9, "promotions": 5, "demotions": 6,
         "connections": 2, "requestMemory": {"limitBytes": 2097152, "heldBytes": 1048576},
         "diskQueue": {"limit": 4096, "requests": 17},
         "refused": {"overloaded": 1500, "connections": 3},
         "cutOff": {"handshake": 4, "receive": 5, "send": 6, "idle": 7},
         "requests": {"pull": {"count": 10, "errors": 1, "rows": \(rows), "p50Us": 100,
                      "p99Us": 2000, "p999Us": 3000, "maxUs": 4000},
                      "push": {"count": 0, "errors": 0, "rows": 0, "p50Us": 0, "p99Us": 0,
                      "p999Us": 0, "maxUs": 0}},
         "tables": [\(tables)], "later": "additions are ignored"}
        """
    }

    private let table = """
        {"name": "item", "number": 1, "rows": 1500, "hot": {"rows": 1000, "bytes": 64000},
         "cold": {"rows": 500, "bytes": 20000}, "hits": 1, "misses": 1, "hitRatio": 0.5,
         "promotions": 3, "demotions": 4}
        """

    private func report(_ json: String) throws -> StatsReport {
        try ServerJSON.decode(StatsReport.self, from: json)
    }

    @Test func everythingIsShownWithUnits() throws {
        let text = try report(json(uptime: 10, rows: 5000, tables: table)).text()
        #expect(text.contains("512 KiB of 1.00 MiB (50.00 %)"))
        #expect(text.contains("90.00 % (900 hits, 100 misses)"))
        #expect(text.contains("1.00 MiB of 2.00 MiB"))
        #expect(text.contains("17 of 4096"))
        #expect(text.contains("1.50k requests, 3 connections"))
        #expect(text.contains("4 handshake, 5 receive, 6 send, 7 idle"))
        let lines = text.split(separator: "\n")
        let item = try #require(lines.first { $0.hasPrefix("item") })
        #expect(
            item.split(separator: "  ", omittingEmptySubsequences: true).map {
                $0.trimmingPrefix(" ")
            } == ["item", "1.50k", "1.00k", "62.5 KiB", "500", "19.5 KiB", "50.00 %", "3", "4"])
        let pull = try #require(lines.first { $0.hasPrefix("pull") })
        #expect(pull.contains("500"))
        #expect(pull.contains("2.00 ms"))
        #expect(!text.contains("push"))
    }

    @Test func roundingIsShownOfTablesThatRound() throws {
        func text(written: Int) throws -> String {
            let rounding = """
                , "evictions": 1, "rounding": {"written": \(written), "clipped": 8,
                "clippedShare": 0.004, "moved": 1000, "vanished": 250, "vanishedShare": 0.25}}
                """
            return try report(
                json(uptime: 1, rows: 1, tables: String(table.dropLast()) + rounding)
            ).text()
        }
        let line = try #require(
            try text(written: 2000).split(separator: "\n").last { $0.hasPrefix("item") })
        #expect(line.contains("2.00k"))
        #expect(line.contains("0.40 %"))
        #expect(line.contains("25.00 %"))
        #expect(!(try text(written: 0).contains("ROUNDING")))
    }

    @Test func ratesAreOfTheTimeInBetween() throws {
        let before = try report(json(uptime: 10, rows: 5000))
        let after = try report(json(uptime: 12, rows: 9000))
        #expect(after.text(since: before).contains("  2.00k  "))
        // A server that was started anew.
        let anew = try report(json(uptime: 1, rows: 50))
        #expect(!anew.text(since: before).contains("-"))
    }

    @Test func anEmptyServerHasNoTables() throws {
        let text = try report(json(uptime: 0, rows: 0)).text()
        #expect(!text.contains("TABLE"))
    }

    @Test func whatIsNotUnderstoodIsADefect() {
        let failure = #expect(throws: Failure.self) { try report("{}") }
        #expect(failure?.status == .defect)
    }
}
