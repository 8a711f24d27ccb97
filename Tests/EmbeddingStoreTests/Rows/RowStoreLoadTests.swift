import Testing

@testable import EmbeddingStore

/// Rows on a disk that cannot be read, or that is damaged.
@Suite struct RowStoreLoadTests {
    private let ids = Array(1...1000 as ClosedRange<UInt64>)

    @Test func aFailedReadIsAnErrorAndNeverAFreshRow() throws {
        let faulty = try FaultyStore()
        let table = try faulty.tableOnDisk(ids: ids)
        #expect(table.statistics().hot.rows == 0)
        let some = Array(ids[100..<110])
        let ones = [Float](repeating: 1, count: 240)

        faulty.cold.fail(.read)
        #expect(throws: FaultyColdTier.failure) { try table.pull(some) }
        #expect(throws: FaultyColdTier.failure) { try table.pull(some, create: false) }
        #expect(throws: FaultyColdTier.failure) { try table.contains(some) }
        #expect(throws: FaultyColdTier.failure) { try table.push(some, ones) }
        #expect(throws: FaultyColdTier.failure) { try table.assign(some, ones) }
        #expect(throws: FaultyColdTier.failure) { try table.delete(some) }
        // Whether an id is unknown cannot be said without the disk.
        #expect(throws: FaultyColdTier.failure) { try table.pull([5000]) }
        #expect(table.count == 1000)
        #expect(table.statistics().created == 1000)

        faulty.cold.recover()
        let rows = try table.pull(ids)
        expectRows(rows, FaultyStore.rows(1000))
        #expect(table.count == 1000)
    }

    /// 1,000 rows are loaded in several steps; the third fails.
    @Test func aPushWhoseLoadFailsChangesNothingAndPinsNothing() throws {
        let faulty = try FaultyStore()
        let table = try faulty.tableOnDisk(ids: ids)
        let ones = [Float](repeating: 1, count: 24_000)

        let callsBefore = faulty.cold.callCount(.read)
        faulty.cold.fail(.read, after: 2)
        #expect(throws: FaultyColdTier.failure) { try table.push(ids, ones) }
        #expect(faulty.cold.callCount(.read) == callsBefore + 3, "not the failure that is meant")
        faulty.cold.recover()
        #expect(table.statistics().hot.rows > 0, "the steps before the failure loaded nothing")
        try demoteEverything(of: table)
        #expect(table.statistics().hot.rows == 0, "a pin was left behind")
        let unchanged = try table.pull(ids)
        expectRows(unchanged, FaultyStore.rows(1000))

        try table.push(ids, ones)
        let pushed = try table.pull(ids)
        expectRows(pushed, FaultyStore.rows(1000).map { $0 - 1 })
    }

    @Test func aPushWhoseLoadFailsCreatesNothing() throws {
        let faulty = try FaultyStore()
        let table = try faulty.tableOnDisk(ids: ids)
        let mixed = Array(5000..<5500 as Range<UInt64>) + ids[..<500]

        faulty.cold.fail(.read, after: 2)
        #expect(throws: FaultyColdTier.failure) {
            try table.push(mixed, [Float](repeating: 1, count: 24_000))
        }
        faulty.cold.recover()
        #expect(table.count == 1000)
        let found = try table.contains(mixed)
        #expect(found.count { $0 } == 500)
        // Nor does anything come back later.
        try demoteEverything(of: table)
        #expect(table.count == 1000)
    }

    @Test(
        arguments: [
            [], [0x00, 0, 1, 0], [0xF0] + Array(repeating: 0, count: 99),
            [0x0F] + Array(repeating: 0, count: 99),
            Array(repeating: 0, count: 101),
        ] as [[UInt8]])
    func aDamagedValueIsReportedAndTheOthersAreServed(value: [UInt8]) throws {
        let faulty = try FaultyStore()
        let table = try faulty.tableOnDisk(ids: ids)
        var damage = ColdRows()
        // An empty value cannot be told from none here, so one of a single byte stands for it.
        (value.isEmpty ? [0] : value).withUnsafeBytes { damage.append(17, $0) }
        try faulty.cold.write(damage, table: table.number, keyCount: nil)

        for body in [
            { _ = try table.pull([17]) }, { _ = try table.pull([17], create: false) },
            { _ = try table.pull([3, 17, 4]) },
            { try table.push([17], Array(repeating: 1, count: 24)) },
            { try table.push([21, 17], Array(repeating: 1, count: 48)) },
        ] as [() throws -> Void] {
            let error = #expect(throws: StoreError.self) { try body() }
            guard case .damaged(let detail) = error else {
                Issue.record("\(error.map(String.init(describing:)) ?? "nothing") was thrown")
                continue
            }
            #expect(detail.contains("row 17 "), "\(detail)")
        }
        let others = ids.filter { $0 != 17 }
        let rows = try table.pull(others)
        expectRows(
            rows, FaultyStore.rows(1000).enumerated().filter { $0.offset / 24 != 16 }.map(\.element)
        )
        // No pin is left, and the damaged row can be deleted and made anew.
        try demoteEverything(of: table)
        #expect(table.statistics().hot.rows == 0)
        #expect(try table.delete([17]) == 1)
        expectAll(try table.pull([17]), are: 0)
    }
}
