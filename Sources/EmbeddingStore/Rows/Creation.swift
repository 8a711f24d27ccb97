/// The rows that one request creates without writing to them, noted in the log: a row that somebody
/// has seen is there after a restart as well.
///
/// Nobody waits for the note to be written: what a row starts with can always be made again.
struct Creation {
    private let rows: RowStore
    private let log: WriteAheadLog?
    private let pass: WriteAheadLog.Pass?

    /// Nil when the log has no room for so many rows now, or has failed.
    init?(in rows: RowStore, _ count: Int) {
        self.rows = rows
        log = rows.log
        guard let log else {
            pass = nil
            return
        }
        let bytes = LogEntry.byteCountMax(
            records: count, recordBytes: 8, sections: min(count, rows.shards.count))
        guard let pass = try? log.enter(reserving: bytes) else { return nil }
        self.pass = pass
        begin()
    }

    /// The same, but waits for room. Blocks. Throws as `WriteAheadLog.enterWhenRoom`.
    init(waitingIn rows: RowStore, _ count: Int) throws(StoreError) {
        self.rows = rows
        log = rows.log
        // In no order of shards, each key comes with a section of its own.
        let bytes = LogEntry.byteCountMax(records: count, recordBytes: 8, sections: count)
        pass = try log?.enterWhenRoom(
            reserving: bytes, timeoutSeconds: RowStore.roomTimeoutSeconds)
        begin()
    }

    private func begin() {
        pass?.entry?.begin(.created, table: rows.table, recordBytes: 8)
    }

    /// Rows of this shard come next; its lock is held.
    func enter(_ shard: Shard) {
        if let log, let entry = pass?.entry { entry.beginSection(ticket: log.ticket()) }
    }

    func note(_ key: UInt64) { pass?.entry?.append(key: key) }

    func end() { _ = rows.leave(pass) }
}
