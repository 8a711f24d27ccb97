internal import Foundation

/// Removes expired rows from time to time: a thread that looks through each table whose rows do not
/// live for ever, a slice at a time.
///
/// Nobody is served an expired row in the meantime; until it is removed it takes room and counts as
/// a row.
final class Sweeper: Sendable {
    private let threads = BackgroundThreads()
    private let tables: @Sendable () -> [Table]

    /// The least time between two looks at a table, and the most of a thread's time that they take.
    private static let secondsMin = 1.0
    private static let shareMax = 0.1

    init(tables: @escaping @Sendable () -> [Table]) { self.tables = tables }

    func start() {
        threads.start("sweeper") { [threads, tables] in
            var due: [UInt32: ContinuousClock.Instant] = [:]
            while !threads.waitForStop(seconds: Self.secondsMin) {
                for table in tables() {
                    guard let lifetime = table.rows.lifetime else { continue }
                    let started = ContinuousClock.now
                    if let due = due[table.number], started < due { continue }
                    // What fails now, because the disk is full, is tried again; damage is met by who
                    // reads the row, too.
                    try? table.removeExpired { !threads.isStopping }
                    let took = started.duration(to: .now) / .seconds(1)
                    let pause = max(
                        Double(lifetime.seconds) / Double(Lifetime.slots), took / Self.shareMax)
                    due[table.number] = started + .seconds(pause)
                }
            }
        }
    }

    /// Ends the thread after the slice that it is in.
    func stop() {
        threads.stop()
        threads.join()
    }
}
