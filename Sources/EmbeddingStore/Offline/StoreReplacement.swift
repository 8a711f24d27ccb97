internal import CLinux
internal import Foundation

/// A store that is written beside another, and takes its place at once when it is whole: whoever
/// looks finds the old store or the new one, also after the process was killed.
public final class StoreReplacement {
    /// What the new store is filled with; begins as a copy, with files of rows linked.
    public let writer: StoreWriter
    private let store: OfflineStore
    /// Where the store is, with links followed: a link is not what shall be replaced.
    private let path: String

    /// Entries of a data directory that are the store's; others are its owner's.
    private static let ownEntries: Set<String> = ["LOCK", "STORE", "HOT", "COUNTS", "cold", "log"]

    /// Begins. Throws `cannotCreate` where no folder can be made beside the store's.
    public init(of store: OfflineStore) throws(StoreError) {
        self.store = store
        path = URL(fileURLWithPath: store.path).resolvingSymlinksInPath().path
        let name = "\(path).replacement-\(getpid())-\(UInt32.random(in: .min ... .max))"
        writer = try StoreWriter(destination: name, copyOf: store)
    }

    /// Finishes the new store and exchanges the folders. No call may follow.
    ///
    /// Throws what `StoreWriter` does, and `cannotCreate` where the folder cannot be replaced, being
    /// a mount point for instance; the old store is there then.
    public func finish() throws(StoreError) {
        _ = try writer.finish()
        try exchange()
    }

    /// The same, after the new store was changed as a server changes it; throws what `body` throws, too.
    public func finish(after body: (Store) throws -> Void) throws {
        _ = try writer.finish(after: body)
        try exchange()
    }

    private func exchange() throws(StoreError) {
        let new = writer.destination
        guard unsafe tl_exchange(new, path) == 0 else {
            let reason = unsafe String(cString: strerror(errno))
            try? FileManager.default.removeItem(atPath: new)
            throw .cannotCreate("cannot replace \(path): \(reason)")
        }
        // The old store has the new one's name now.
        let files = FileManager.default
        for entry in (try? files.contentsOfDirectory(atPath: new)) ?? []
        where !Self.ownEntries.contains(entry) {
            try? files.moveItem(atPath: "\(new)/\(entry)", toPath: "\(path)/\(entry)")
        }
        try DataDirectory.syncFile((path as NSString).deletingLastPathComponent)
        // What cannot be removed has a name that says what it was.
        try? files.removeItem(atPath: new)
    }
}
