internal import Foundation

/// A folder that is filled under a name of its own and gets the name that it shall have when it is
/// whole: what is interrupted does not look like a store, and nothing is removed that was not made
/// here.
final class NewFolder {
    let destination: String
    /// Where to write until `finish`.
    let path: String
    private var isFinished = false

    /// Makes the folder beside the destination. Throws `cannotCreate` when that exists.
    init(_ destination: String) throws(StoreError) {
        guard destination.hasPrefix("/") else {
            throw .cannotCreate("'\(destination)' is not an absolute path")
        }
        try Self.checkIsFree(destination)
        self.destination = destination
        path = Self.partialName(destination)
        try DataDirectory.makeFolder(path)
    }

    /// Makes a folder for the time of a piece of work, that goes away with this.
    init(temporaryBeside path: String) throws(StoreError) {
        destination = path
        self.path = Self.partialName(path)
        try DataDirectory.makeFolder(self.path)
    }

    /// Lets in whom another folder lets in, so that a copy is as private as what it is of.
    func takePermissions(of other: String) throws(StoreError) {
        var status = stat()
        guard unsafe stat(other, &status) == 0, unsafe chmod(path, status.st_mode & 0o7777) == 0
        else {
            throw .file(path, "set the permissions of", errno)
        }
        // Only the superuser can, and only then may they differ.
        _ = unsafe chown(path, status.st_uid, status.st_gid)
    }

    deinit {
        // What cannot be removed has a name that says what it is.
        if !isFinished { try? FileManager.default.removeItem(atPath: path) }
    }

    /// Gives the folder its name, so that it survives the machine.
    func finish() throws(StoreError) {
        // A folder that is empty would be replaced.
        try Self.checkIsFree(destination)
        try DataDirectory.syncFile(path)
        guard unsafe rename(path, destination) == 0 else {
            throw .cannotCreate(
                unsafe "cannot create \(destination): \(String(cString: strerror(errno)))")
        }
        isFinished = true
        try DataDirectory.syncFile((destination as NSString).deletingLastPathComponent)
    }

    private static func partialName(_ path: String) -> String {
        "\(path).partial-\(getpid())-\(UInt32.random(in: .min ... .max))"
    }

    static func checkIsFree(_ path: String) throws(StoreError) {
        var status = stat()
        // A link that leads nowhere is there, too.
        if unsafe lstat(path, &status) == 0 { throw .cannotCreate("\(path) exists") }
    }

}
