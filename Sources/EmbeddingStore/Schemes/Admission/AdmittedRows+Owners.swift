/// Who has a row of its own, and how ids get one and lose it.
extension AdmittedRows {
    /// Which ids have a row of their own, in either tier; those rows are in memory then, if there is
    /// room. Blocks on I/O.
    ///
    /// With `retiring` those that should have one and have none, because it was deleted or expired,
    /// may earn another; the gate must be held, or the row may be about to be made.
    func owned(_ ids: [UInt64], retiring: Bool = true) throws(StoreError) -> [Bool] {
        let standings = admission.standings(of: ids, nil)
        var owned = [Bool](repeating: false, count: ids.count)
        let candidates = ids.indices.filter { standings[$0].mayOwn && !isShared(ids[$0]) }
        if candidates.isEmpty { return owned }
        let rows = PartRows(count: candidates.count, dimension: dimension)
        try rows.pullCold(
            candidates.map { ids[$0] }, from: self.rows, create: false, endsHolds: false)
        for (at, id) in candidates.enumerated() {
            owned[id] = rows.isFound(at)
            if retiring, !owned[id] { admission.retire(ids[id]) }
        }
        return owned
    }

    /// Whether an id is the key of a shared row, so that it cannot have its own.
    private func isShared(_ id: UInt64) -> Bool { id >= shared.keys.firstShared }

    // MARK: getting a row

    /// Gives rows of their own to those that this sighting makes due, unless `check` of them throws.
    func admitDue(
        _ ids: [UInt64], _ sighting: Sighting,
        check: (Set<UInt64>) throws(StoreError) -> Void = { (_) throws(StoreError) in }
    ) throws(StoreError) {
        let standings = admission.standings(of: ids, sighting)
        let due = ids.indices.filter { at in
            standings[at] == .due
                || standings[at] == .unknown && admission.isDue(ids[at], sighting)
        }.map { ids[$0] }
        if try owned(due, retiring: false).allSatisfy({ $0 }) { return }
        try gate.alone { () throws(StoreError) in
            // Another may have been faster.
            let owned = try owned(due)
            let still = due.indices.filter { !owned[$0] && admission.isDue(due[$0], sighting) }
                .map { due[$0] }
            try check(Set(still))
            _ = try makeOwn(still, unasked: false, keeping: false)
        }
    }

    /// Gives rows of their own to ids that are known to be frequent, while there is room, which they
    /// do not lose by going quiet; returns how many got one. Blocks.
    func admit(chosen ids: [UInt64]) throws(StoreError) -> Int {
        let (count, commit) = try gate.alone { () throws(StoreError) in
            try makeOwn(ids, unasked: true, keeping: true)
        }
        try commit.wait()
        return count
    }

    /// Makes rows for ids that have none, as what they share; the gate is held alone, so whoever
    /// must wait for the log does that afterwards.
    private func makeOwn(
        _ ids: [UInt64], unasked: Bool, keeping: Bool
    ) throws(StoreError) -> (count: Int, Commit) {
        var admitted: Set<UInt64> = []
        var displaced: Set<UInt64> = []
        let wanted = unasked ? try notOwned(ids) : ids
        for id in Set(wanted).sorted() where !isShared(id) {
            guard
                case .admitted(let loser) = admission.admit(
                    id, unasked: unasked, keeping: keeping)
            else { continue }
            admitted.insert(id)
            if let loser { displaced.insert(loser) }
        }
        // Who was admitted a moment ago and displaced since never had a row.
        let owners = admitted.subtracting(displaced).sorted()
        var losers = displaced.subtracting(admitted).sorted()
        if owners.isEmpty { return (0, .done) }
        do throws(StoreError) {
            let values = try shared.values(of: owners)
            _ = try rows.delete(losers)
            losers = []
            let commit = try unsafe owners.withBytes { (keys) throws(StoreError) in
                try unsafe rows.writeCold(
                    rows.unique(Keys(keys), values.row(0), .assign), .assign)
            }
            return (owners.count, commit)
        } catch {
            owners.forEach(admission.retire)
            admission.reinstate(losers)
            throw error
        }
    }

    private func notOwned(_ ids: [UInt64]) throws(StoreError) -> [UInt64] {
        let owned = try owned(ids)
        return ids.indices.filter { !owned[$0] }.map { ids[$0] }
    }

    // MARK: losing it

    /// Takes their rows from ids that have gone quiet, some at a time; requests have their turns in
    /// between.
    ///
    /// What fails is no reason to refuse whoever came along: those whose rows are still there keep
    /// them, and are looked at again with the next epoch.
    func sweep() {
        guard admission.isSweepDue else { return }
        let quiet = admission.quiet()
        for start in stride(from: 0, to: quiet.count, by: Self.blockCount) {
            let block = Array(quiet[start...].prefix(Self.blockCount))
            guard (try? gate.alone { () throws(StoreError) in try retire(quiet: block) }) != nil
            else { return }
        }
    }

    private func retire(quiet ids: [UInt64]) throws(StoreError) {
        let retired = admission.retire(quiet: ids)
        do throws(StoreError) {
            _ = try rows.delete(retired)
        } catch {
            admission.reinstate(retired)
            throw error
        }
    }
}
