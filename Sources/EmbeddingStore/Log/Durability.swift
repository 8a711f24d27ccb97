/// What an acknowledged write survives.
public enum Durability: String, Sendable, CaseIterable, Codable {
    /// A clean stop: rows that are only in memory are lost with the process. The last checkpoint
    /// survives.
    case none
    /// The death of the process: a write is in the log, with the operating system, before it is
    /// acknowledged.
    case buffered
    /// The death of the machine: the log is on the device before a write is acknowledged. Writes
    /// that come at the same time share one flush of the device.
    case synced
}
