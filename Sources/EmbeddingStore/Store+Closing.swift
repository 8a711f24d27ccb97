internal import NIOConcurrencyHelpers

extension Store {
    /// Writes what is only in memory to disk and lets go of the folder. Blocks. No other call may
    /// be under way or follow; but when this one throws nothing is lost yet, and it may be tried
    /// again.
    public func close() throws(StoreError) {
        let wasClosed = tablesBox.withLockedValue { tables in
            defer { tables.isClosed = true }
            return tables.isClosed
        }
        if !wasClosed {
            threads.stop()
            // It must not meet a log that has ended.
            sweeper.stop()
        }
        budget.announcements.end()
        changes.lock()
        defer { changes.unlock() }
        if tablesBox.withLockedValue({ $0.isReleased }) { return }
        if !wasClosed {
            if demotesInBackground { demoter.stop() } else { budget.stop() }
        }
        if let log {
            let names: [String: String]
            if let known = tablesBox.withLockedValue({ $0.namesOfClosedFiles }) {
                names = known
            } else {
                names = try closeFiles(log)
            }
            var state = runningState()
            state.isClean = true
            state.logSegment = log.endSegment
            state.hasLog = false
            state.coldFiles = try ColdFiles(folder: directory.coldPath, tables: names)
            try directory.writeState(state)
            log.removeAllSegments()
        } else {
            threads.join()
            cold.close()
        }
        directory.release()
        tablesBox.withLockedValue { $0.isReleased = true }
    }

    /// Writes everything to files of the cold tier and closes them, so that nothing changes them any
    /// more; returns the table of each.
    private func closeFiles(_ log: WriteAheadLog) throws(StoreError) -> [String: String] {
        let names = try stop(log)
        // A cut of the log that waited for the lock finds the store closed, and ends.
        threads.join()
        cold.close()
        tablesBox.withLockedValue { $0.namesOfClosedFiles = names }
        return names
    }

    private func stop(_ log: WriteAheadLog) throws(StoreError) -> [String: String] {
        cuts.lock()
        defer { cuts.unlock() }
        try flush()
        log.stop()
        writeHints(stop: log.endSegment)
        return try tableNamesOfColdFiles()
    }

    /// The table of each file of rows.
    private func tableNamesOfColdFiles() throws(StoreError) -> [String: String] {
        let names = Dictionary(uniqueKeysWithValues: tables.map { ($0.number, $0.name) })
        return try cold.rowFiles().compactMapValues { $0.flatMap { names[$0] } }
    }
}
