/// Ids that have earned it have a row of their own, the others share rows: the schemes
/// `frequencyDoubleHashed` and `frequencyFiltered`.
///
/// Whether an id has a row of its own is a fact of the rows: its key is the id. `admission` decides
/// who gets one and who loses it. What is served hot is counted there at once, what is left to the
/// cold half is counted by it.
struct AdmittedRows: SchemeRows {
    let rows: RowStore
    let shared: SharedRows
    let admission: any Admission
    let gate = AdmissionGate()

    var admitted: AdmittedRows? { self }

    var dimension: Int { rows.schema.dimension }

    /// Ids that are looked up at once.
    static let blockCount = 1024

    // MARK: pull

    func pullHot(_ ids: Keys, create: Bool, into output: RowOutput, found: FoundBits?) -> [UInt32] {
        var missing: [UInt32] = []
        let count = unsafe ids.count
        // Who is found without a row may not get one before it is counted as such.
        if create, !gate.tryEnter() { return Array(0..<UInt32(count)) }
        defer { if create { gate.leave() } }
        for start in stride(from: 0, to: count, by: Self.blockCount) {
            let positions = Array(
                UInt32(start)..<UInt32(min(start + Self.blockCount, count)))
            missing += unsafe pullHot(ids, positions, create: create, into: output, found)
        }
        return missing
    }

    private func pullHot(
        _ ids: Keys, _ positions: [UInt32], create: Bool, into output: RowOutput,
        _ found: FoundBits?
    ) -> [UInt32] {
        var missing: [UInt32] = []
        let sighting = create ? Sighting.pull : nil
        let standings = admission.standings(
            of: positions.map { unsafe ids[Int($0)] }, sighting)
        var own: [UInt32] = []
        var sharing: [UInt32] = []
        for (position, standing) in zip(positions, standings) {
            switch standing {
            case .own, .unknown: own.append(position)
            case .shared: sharing.append(position)
            case .due: missing.append(position)
            }
        }
        let absent = unsafe pullOwnHot(ids, own, into: output, found)
        let isColdEmpty = rows.isColdEmpty
        for position in absent {
            let id = unsafe ids[Int(position)]
            // Nowhere: it shares, unless this makes it due.
            if isColdEmpty, sighting.map({ !admission.isDue(id, $0) }) ?? true {
                sharing.append(position)
            } else {
                missing.append(position)
            }
        }
        missing += unsafe shared.pullHot(
            ids, sharing, create: create, into: output, found: found)
        if create {
            let unserved = Set(missing)
            let served = positions.filter { !unserved.contains($0) }
            unsafe count(ids, served, own: own, without: absent)
        }
        return missing
    }

    /// Of an id that may have a row of its own that one alone: it is most often there, and if not, the
    /// shared ones are those of many ids.
    func keysToPrefetch(_ ids: Keys) -> [UInt64] {
        let all = unsafe ids.array
        return zip(all, admission.standings(of: all, nil)).flatMap { id, standing in
            standing.mayOwn ? [id] : shared.keys.keys(count: 1) { _ in id }
        }
    }

    /// Counts pulls. Owners count where they may lose their row.
    private func count(
        _ ids: Keys, _ served: [UInt32], own: [UInt32], without absent: [UInt32]
    ) {
        let owners = Set(own).subtracting(absent)
        let counted =
            admission.countsOwners ? served : served.filter { !owners.contains($0) }
        admission.count(counted.map { unsafe ids[Int($0)] }, .pull, norms: [])
    }

    /// Writes the own rows that are in memory; returns the positions of those that are not.
    private func pullOwnHot(
        _ ids: Keys, _ positions: [UInt32], into output: RowOutput, _ found: FoundBits?
    ) -> [UInt32] {
        if positions.isEmpty { return [] }
        let own = PartRows(count: positions.count, dimension: dimension)
        let keys = positions.map { unsafe ids[Int($0)] }
        let absent = unsafe keys.withBytes {
            unsafe rows.pullHot(Keys($0), create: false, into: own.output, found: nil)
        }
        var isAbsent = [Bool](repeating: false, count: positions.count)
        for at in absent { isAbsent[Int(at)] = true }
        for (at, position) in positions.enumerated() where !isAbsent[at] {
            unsafe output.write(own.row(at), at: Int(position))
            unsafe found?.set(Int(position))
        }
        return absent.map { positions[Int($0)] }
    }

    func pullCold(
        _ ids: Keys, missing: [UInt32], create: Bool, into output: RowOutput, found: FoundBits?
    ) throws(StoreError) {
        sweep()
        for start in stride(from: 0, to: missing.count, by: Self.blockCount) {
            let block = Array(missing[start...].prefix(Self.blockCount))
            if create {
                try admitDue(block.map { unsafe ids[Int($0)] }, .pull)
                gate.enter()
            }
            defer { if create { gate.leave() } }
            let sharing = try unsafe pullOwnCold(ids, block, into: output, found)
            try unsafe shared.pullCold(
                ids, missing: sharing, create: create, into: output, found: found)
            if create {
                unsafe count(ids, block, own: block, without: sharing)
            }
        }
    }

    /// Writes the own rows of those that have one; returns the positions of the others.
    private func pullOwnCold(
        _ ids: Keys, _ positions: [UInt32], into output: RowOutput, _ found: FoundBits?
    ) throws(StoreError) -> [UInt32] {
        let standings = admission.standings(of: positions.map { unsafe ids[Int($0)] }, nil)
        var own: [UInt32] = []
        var sharing: [UInt32] = []
        for (position, standing) in zip(positions, standings) {
            if standing.mayOwn { own.append(position) } else { sharing.append(position) }
        }
        if own.isEmpty { return sharing }
        let rows = PartRows(count: own.count, dimension: dimension)
        try rows.pullCold(
            own.map { unsafe ids[Int($0)] }, from: self.rows, create: false, endsHolds: true)
        for (at, position) in own.enumerated() {
            if rows.isFound(at) {
                unsafe output.write(rows.row(at), at: Int(position))
                unsafe found?.set(Int(position))
            } else {
                sharing.append(position)
            }
        }
        return sharing
    }

    // MARK: push

    func pushHot(_ ids: Keys, _ gradients: UnsafePointer<Float>) throws(StoreError) -> Commit? {
        if admission.isSweepDue { return nil }
        let all = unsafe (0..<ids.count).map { unsafe ids[$0] }
        guard gate.tryEnter() else { return nil }
        defer { gate.leave() }
        let standings = admission.standings(of: all, .push)
        let candidates = all.indices.filter { standings[$0].mayOwn }
        let absent = rows.absentHot(candidates.map { all[$0] })
        var isOwn = standings.map(\.mayOwn)
        for (at, isAbsent) in zip(candidates, absent) where isAbsent {
            // On disk, or nowhere: then it shares, unless this makes it due.
            if !rows.isColdEmpty || admission.isDue(all[at], .push) { return nil }
            isOwn[at] = false
        }
        if standings.contains(.due) { return nil }
        let commit = try unsafe step(all, isOwn, gradients) { (unique) throws(StoreError) in
            try rows.writeHot(unique, .step)
        }
        if commit != nil { unsafe countPush(all, isOwn, gradients) }
        return commit
    }

    func pushCold(_ ids: Keys, _ gradients: UnsafePointer<Float>) throws(StoreError) -> Commit {
        sweep()
        let all = unsafe (0..<ids.count).map { unsafe ids[$0] }
        try admitDue(all, .push) { (due) throws(StoreError) in
            // A push that is refused leaves no rows.
            let owned = try owned(all, retiring: false)
            let isOwn = all.indices.map { owned[$0] || due.contains(all[$0]) }
            try unsafe step(all, isOwn, gradients) { _ in }
        }
        gate.enter()
        defer { gate.leave() }
        let isOwn = try owned(all)
        let commit = try unsafe step(all, isOwn, gradients) { (unique) throws(StoreError) in
            try rows.writeCold(unique, .step)
        }
        unsafe countPush(all, isOwn, gradients)
        return commit
    }

    /// Calls `take` with what a push changes. Throws `nonFinite`.
    private func step<Result>(
        _ ids: [UInt64], _ isOwn: [Bool], _ gradients: UnsafePointer<Float>,
        _ take: (borrowing UniqueRows) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        let write = Write(ids, isOwn: isOwn, shared.keys)
        return try unsafe write.keys.withBytes { (keys) throws(StoreError) in
            try unsafe take(rows.unique(Keys(keys), gradients, sources: write.sources, .step))
        }
    }

    private func countPush(
        _ ids: [UInt64], _ isOwn: [Bool], _ gradients: UnsafePointer<Float>
    ) {
        let counted =
            admission.countsOwners ? Array(ids.indices) : ids.indices.filter { !isOwn[$0] }
        let norms =
            admission.wantsNorms
            ? counted.map { at in
                unsafe norm(
                    UnsafeBufferPointer(start: gradients + at * dimension, count: dimension))
            } : []
        admission.count(counted.map { ids[$0] }, .push, norms: norms)
    }

    private func norm(_ gradient: UnsafeBufferPointer<Float>) -> Float {
        var sum: Float = 0
        for at in 0..<gradient.count { unsafe sum += gradient[at] * gradient[at] }
        return sum.squareRoot()
    }

    // MARK: assign and delete

    func assignHot(_ ids: Keys, _ values: UnsafePointer<Float>) throws(StoreError) -> Commit? {
        // Whoever has no row of its own may get one.
        unsafe ids.count == 0 ? .done : nil
    }

    /// A row that is assigned becomes the id's own while there is room for own rows.
    func assignCold(_ ids: Keys, _ values: UnsafePointer<Float>) throws(StoreError) -> Commit {
        let all = unsafe (0..<ids.count).map { unsafe ids[$0] }
        return try gate.alone { () throws(StoreError) in
            var isOwn = try owned(all)
            var admitted: Set<UInt64> = []
            for at in all.indices where !isOwn[at] {
                let isNew =
                    admitted.contains(all[at])
                    || admission.admit(all[at], unasked: true, keeping: false) != .refused
                if isNew { admitted.insert(all[at]) }
                isOwn[at] = isNew
            }
            let write = Write(all, isOwn: isOwn, shared.keys)
            let split = unsafe write.values(
                of: values, dimension, halves: shared.keys.partCount == 2)
            do throws(StoreError) {
                return try unsafe write.keys.withBytes { (keys) throws(StoreError) in
                    try unsafe split.withUnsafeBufferPointer { (split) throws(StoreError) in
                        // An empty request was answered hot.
                        try unsafe rows.writeCold(
                            rows.unique(Keys(keys), split.baseAddress!, .assign), .assign)
                    }
                }
            } catch {
                admitted.forEach(admission.retire)
                throw error
            }
        }
    }

    func delete(_ ids: [UInt64]) throws(StoreError) -> (count: Int, Commit) {
        try gate.alone { () throws(StoreError) in
            // The rows that are shared have keys too, which are ids as well.
            let owned = try owned(ids)
            let own = ids.indices.filter { owned[$0] }.map { ids[$0] }
            let result = try rows.delete(own)
            own.forEach(admission.retire)
            return result
        }
    }
}

extension AdmittedRows {
    /// The keys that a write changes: the own key of an id, or those that it shares.
    private struct Write {
        var keys: [UInt64] = []
        /// For each key the position of its id in the request.
        var sources: [UInt32] = []
        private var isOwn: [Bool] = []

        init(_ ids: [UInt64], isOwn: [Bool], _ shared: SharedKeys) {
            keys.reserveCapacity(2 * ids.count)
            sources.reserveCapacity(2 * ids.count)
            self.isOwn = isOwn
            for (at, id) in ids.enumerated() {
                let source = UInt32(truncatingIfNeeded: at)
                keys.append(isOwn[at] ? id : shared.first(id))
                sources.append(source)
                if !isOwn[at], shared.partCount == 2 {
                    keys.append(shared.second(id))
                    sources.append(source)
                }
            }
        }

        /// What to assign to each key, float32[keys][dimension]; with `halves` a sum of two gets it in
        /// equal parts.
        func values(
            of values: UnsafePointer<Float>, _ dimension: Int, halves: Bool
        ) -> [Float] {
            var result: [Float] = []
            result.reserveCapacity(keys.count * dimension)
            for source in sources {
                let factor: Float = halves && !isOwn[Int(source)] ? 0.5 : 1
                for element in 0..<dimension {
                    unsafe result.append(values[Int(source) * dimension + element] * factor)
                }
            }
            return result
        }
    }
}
