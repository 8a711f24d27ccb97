internal import CRocksDB
internal import Foundation

extension StoreError {
    /// The RocksDB C API reports errors as text that starts with the name of its status; this is
    /// the one place that reads it.
    init(rocksDB message: String, path: String) {
        // Of a file that is missing RocksDB tells the name that it last looked for, one of old.
        // And some messages quote bytes as they are.
        let message = message.replacing(#/([0-9]+)\.ldb/#) { "\($0.1).sst" }
            .replacing(#/[\x00-\x1F\x7F\uFFFD]/#, with: "?")
        if message.contains("No space left on device") || message.contains("Disk quota exceeded") {
            self = .storageFull("\(path): \(message)")
        } else if message.hasPrefix("Corruption") {
            self = .damaged("\(path): \(message)")
        } else if message.hasPrefix("IO error: While lock file")
            || message.hasPrefix("IO error: lock hold by current process")
        {
            self = .inUse(path)
        } else if message.hasPrefix("IO error: No such file or directory") {
            // Files of the store do not go away by themselves.
            self = .damaged("\(path): \(message)")
        } else {
            self = .storageFailed("\(path): \(message)")
        }
    }

    /// Calls a function of the C API that reports errors through its last argument.
    static func checkingRocksDB<Result>(
        path: String, _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) throws(StoreError) -> Result {
        var message: UnsafeMutablePointer<CChar>?
        let result = unsafe body(&message)
        if let message = unsafe message {
            defer { unsafe rocksdb_free(message) }
            throw unsafe StoreError(rocksDB: String(cString: message), path: path)
        }
        return result
    }
}
