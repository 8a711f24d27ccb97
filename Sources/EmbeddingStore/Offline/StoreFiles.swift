internal import Foundation

/// The files of a store that nobody writes, to be had a second time.
enum StoreFiles {
    /// Makes `target`, a folder, a store that is what `source` is. Rows lie in files that never
    /// change once they are written, so those are hard-linked where the file system allows; the
    /// others are copied.
    static func copy(_ source: String, to target: String) throws(StoreError) {
        try copyFile("\(source)/STORE", to: "\(target)/STORE")
        for file in ["HOT", "COUNTS"] where ColdFiles.byteCount("\(source)/\(file)") != nil {
            try copyFile("\(source)/\(file)", to: "\(target)/\(file)")
        }
        for folder in ["cold", "log"] where ColdFiles.byteCount("\(source)/\(folder)") != nil {
            try makeFolder("\(target)/\(folder)")
            for name in try names("\(source)/\(folder)") where isWanted(name) {
                let from = "\(source)/\(folder)/\(name)"
                let to = "\(target)/\(folder)/\(name)"
                if ColdFiles.isRowFile(name), unsafe link(from, to) == 0 { continue }
                try copyFile(from, to: to)
            }
            try DataDirectory.syncFile("\(target)/\(folder)")
        }
    }

    /// RocksDB's own messages and lock, and files that it was about to take over, say nothing.
    private static func isWanted(_ name: String) -> Bool {
        name != "LOCK" && name != "LOG" && !name.hasPrefix("LOG.") && !name.hasPrefix("ingest-")
    }

    private static func names(_ folder: String) throws(StoreError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder)
        } catch {
            throw .storageFailed("cannot read \(folder): \(error.localizedDescription)")
        }
    }

    private static func makeFolder(_ path: String) throws(StoreError) {
        guard unsafe mkdir(path, 0o755) == 0 else { throw .file(path, "make", errno) }
    }

    /// Copies a file, so that the copy survives the machine.
    static func copyFile(_ source: String, to target: String) throws(StoreError) {
        do {
            try FileManager.default.copyItem(atPath: source, toPath: target)
        } catch {
            let detail = "cannot copy \(source): \(error.localizedDescription)"
            if case CocoaError.fileWriteOutOfSpace = error { throw .storageFull(detail) }
            throw .storageFailed(detail)
        }
        try DataDirectory.syncFile(target)
    }

    /// Bytes of all files below a folder.
    static func byteCount(_ folder: String) -> Int {
        guard let files = FileManager.default.enumerator(atPath: folder) else { return 0 }
        var bytes = 0
        while files.nextObject() != nil {
            guard files.fileAttributes?[.type] as? FileAttributeType == .typeRegular else {
                continue
            }
            bytes += (files.fileAttributes?[.size] as? NSNumber)?.intValue ?? 0
        }
        return bytes
    }
}
