internal import CRocksDB
internal import Foundation

extension StoreError {
    /// The RocksDB C API reports errors as text that starts with the name of its status; this is
    /// the one place that reads it.
    init(rocksDB message: String, path: String) {
        if message.contains("No space left on device") || message.contains("Disk quota exceeded") {
            self = .storageFull("\(path): \(message)")
        } else if message.hasPrefix("Corruption") {
            self = .damaged("\(path): \(message)")
        } else if message.hasPrefix("IO error: While lock file")
            || message.hasPrefix("IO error: lock hold by current process")
        {
            self = .inUse(path)
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
