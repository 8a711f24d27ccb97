internal import Foundation

/// Keeps the hot tier to its budget: a thread that moves the least used rows of all tables to disk
/// when the budget runs high, so that no reply waits for it.
///
/// The policy is least frequently used with ageing, over all tables at once. Frequencies stay with
/// a row on disk, so that a scan, whose rows are seen once, cannot push out rows that are used
/// again and again; they halve when they do not tell any more what is used, so that yesterday's
/// favourites leave. Of rows that are used equally often an even share goes, from where each shard's
/// last sweep ended.
final class Demoter: @unchecked Sendable {  // `firstTable` and `ageing` belong to the thread
    private let budget: MemoryBudget
    private let tables: @Sendable () -> [RowStore]
    private let ended = DispatchSemaphore(value: 0)
    private var firstTable = 0
    private var ageing = AgeingRule()

    init(budget: MemoryBudget, tables: @escaping @Sendable () -> [RowStore]) {
        self.budget = budget
        self.tables = tables
    }

    func start() {
        let thread = Thread { [self] in
            while budget.waitForPressure() { relieve() }
            ended.signal()
        }
        thread.name = "demoter"
        thread.start()
    }

    /// Ends the thread after the round that it is in.
    func stop() {
        budget.stop()
        ended.wait()
    }

    /// One round; tells those who wait for room how it went.
    private func relieve() {
        if budget.hasRoom {
            let tables = tables()
            let before = budget.epoch
            _ = threshold(of: tables, freeing: budget.roundBytes)
            // No sweep does it now, and after 16 epochs a row would seem to be up to date.
            if budget.epoch != before, budget.epoch % 8 == 0 {
                for table in tables { table.bringFrequenciesUpToDate() }
            }
            return
        }
        do throws(StoreError) {
            let freed = try demote()
            budget.roundEnded(failure: nil)
            // Everything is in use at this moment; it will not be for long.
            if freed == 0 { Thread.sleep(forTimeInterval: 0.001) }
        } catch {
            budget.roundEnded(failure: error)
            // The disk is full or failing: try again, but not as fast as the processor can.
            Thread.sleep(forTimeInterval: 0.2)
        }
    }

    /// Moves rows to disk until the budget is down to its low mark or a round's share is done;
    /// returns the bytes of rows that left; `exactly` in hot precision.
    func demote(exactly: Bool = false) throws(StoreError) -> Int {
        let tables = tables()
        guard let first = tables.first else { return 0 }
        budget.announcements.endOverdue(now: first.clock.now())
        let threshold = threshold(of: tables, freeing: budget.usedBytes - budget.lowBytes)
        firstTable += 1
        // A small share of few rows is none; and a sample may have missed what can leave: then
        // whatever can leave does.
        for threshold in [threshold, .init(bucket: threshold.bucket, share: 1), .everything] {
            let freed = try demote(tables, below: threshold, exactly)
            if freed > 0 { return freed }
        }
        return 0
    }

    /// Which rows leave first, as of now; those who ask for rows on disk get to know it too.
    private func threshold(
        of tables: [RowStore], freeing bytes: Int
    ) -> FrequencyHistogram.Threshold {
        budget.ageFrequencies(hotRows: tables.reduce(0) { $0 + $1.hotRows }, &ageing)
        var histogram = FrequencyHistogram()
        for table in tables { table.sampleFrequencies(into: &histogram) }
        let threshold = histogram.threshold(freeing: Double(bytes))
        budget.rowsLeave(upTo: threshold.bucket)
        return threshold
    }

    private func demote(
        _ tables: [RowStore], below threshold: FrequencyHistogram.Threshold, _ exactly: Bool
    ) throws(StoreError) -> Int {
        var freed = 0
        for number in tables.indices {
            let table = tables[(firstTable + number) % tables.count]
            var batch = 1
            while batch > 0, budget.usedBytes > budget.lowBytes {
                let excess = budget.usedBytes - budget.lowBytes
                batch = try table.demote(
                    below: threshold, bytesMax: min(excess, MemoryBudget.stagedBytesMax),
                    exactly: exactly)
                freed += batch
                // Those who wait need not wait for the last batch.
                if batch > 0 { budget.roundEnded(failure: nil) }
            }
        }
        return freed
    }
}
