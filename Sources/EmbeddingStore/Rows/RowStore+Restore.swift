import Synchronization

extension RowStore {
    /// Brings rows back that were in memory before a start, most used first if not all fit, until
    /// memory is as full as demotion leaves it or `goOn` says no. Returns how many there are now.
    /// Blocks.
    func restore(
        _ list: [(key: UInt64, frequency: UInt16)], while goOn: () -> Bool
    ) throws(StoreError) -> Int {
        let room = max(0, (budget.lowBytes - budget.usedBytes) / layout.stride)
        var wanted = list
        if wanted.count > room {
            wanted.sort { $0.frequency > $1.frequency }
            wanted.removeLast(wanted.count - room)
        }
        // As they lie on disk.
        wanted.sort { $0.key < $1.key }
        // A list that is written while rows move may have one twice.
        wanted = wanted.indices.filter { $0 == 0 || wanted[$0 - 1].key != wanted[$0].key }
            .map { wanted[$0] }
        let epoch = budget.epoch
        var restored = 0
        for start in stride(from: 0, to: wanted.count, by: Self.restoredRowsMax) {
            guard goOn(), budget.usedBytes < budget.lowBytes else { break }
            let rows = wanted[start..<min(start + Self.restoredRowsMax, wanted.count)]
            _ = try unsafe load(rows.map(\.key), create: false, pin: false) { number, record in
                guard let record = unsafe record else { return }
                restored += 1
                let meta = unsafe RowLayout.meta(record)
                // The disk may know an older one.
                let known = rows[rows.startIndex + number].frequency
                unsafe meta.pointee.setFrequency(
                    max(known, meta.pointee.frequency(at: epoch)), epoch: epoch)
            }
        }
        return restored
    }

    private static let restoredRowsMax = 4096
}
