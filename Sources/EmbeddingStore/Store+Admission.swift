internal import NIOConcurrencyHelpers

/// Who has a row of its own, across restarts.
extension Store {
    /// Takes up what is known of how often ids have been seen. Nobody uses the tables yet.
    func restoreAdmission(_ state: DataDirectory.State) throws(StoreError) {
        guard tables.contains(where: { $0.admitted != nil }) else { return }
        let file = AdmissionFile(inFolder: path)
        let isCurrent = state.isClean && file.stop != 0 && file.stop == state.logSegment
        for table in tables {
            guard let admitted = table.admitted else { continue }
            let admission = admitted.admission
            let isRestored =
                file.tables[table.number].map {
                    admission.restore($0, isCurrent: isCurrent)
                } ?? false
            if admission.needsOwners, !(isRestored && isCurrent) {
                admission.restore(owners: try table.owners())
            }
        }
    }

    /// Keeps counts for the next start: a hint that is no reason to fail. `stop` is the end of the
    /// log when nothing changes any more.
    func saveAdmission(stop: UInt64 = 0) {
        if tables.contains(where: { $0.admitted != nil }) {
            try? AdmissionFile.write(tables, stop: stop, inFolder: path)
        }
    }
}

extension Table {
    var admitted: AdmittedRows? { scheme.admitted }

    /// The ids that have a row of their own. Reads all keys.
    fileprivate func owners() throws(StoreError) -> [UInt64] {
        guard let firstShared = admitted?.shared.keys.firstShared else { return [] }
        var owners: Set<UInt64> = []
        for shard in rows.shards {
            shard.lock.withLock {
                for position in 0..<shard.count where shard.key(at: position) < firstShared {
                    owners.insert(shard.key(at: position))
                }
            }
        }
        try unsafe rows.cold.scan(table: number) { key, _ in
            if key < firstShared { owners.insert(key) }
            return key < firstShared
        }
        return Array(owners)
    }
}
