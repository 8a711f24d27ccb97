internal import Foundation

/// Room on the disk, looked at before something is written that could not be finished without.
///
/// RocksDB survives a full disk badly (an ingestion that fails half-way may end the process), and what
/// makes the log shorter has itself to be written. So the log leaves more room than the cold tier,
/// and the cold tier leaves some for RocksDB's own work.
enum DiskSpace {
    static let leftByLogBytes = 48 << 20
    static let leftByColdTierBytes = 16 << 20

    /// Throws `storageFull` when after writing `bytes` to the file system of `path` less than `left`
    /// would be free.
    static func check(_ path: String, for bytes: Int, leaving left: Int) throws(StoreError) {
        var status = statvfs()
        // Where nobody can tell, the write itself will.
        guard unsafe statvfs(path, &status) == 0 else { return }
        let free = Int(clamping: UInt64(status.f_bavail) &* UInt64(status.f_frsize))
        guard free - bytes >= left else {
            throw .storageFull(
                "\(path): \(free >> 20) MiB are free, and \(left >> 20) MiB have to stay so")
        }
    }
}
