internal import Foundation

/// Reads the rows of a file one batch after the other; the file is never in memory as a whole.
///
/// A reader hands out nothing that is not finite, and no row of another length than `dimension`.
public protocol RowReader: AnyObject {
    /// Floats in each row.
    var dimension: Int { get }
    /// Rows in the file, where it says so before they are read.
    var rowCount: Int? { get }
    /// Bytes of the file, and how many of them have been read.
    var byteCount: Int { get }
    var bytesRead: Int { get }

    /// Reads up to `limit` rows into `batch`, in place of what is there; false after the last.
    ///
    /// Throws ``RowFileError`` `malformed` or `unreadable`.
    func next(into batch: inout RowBatch, limit: Int) throws(RowFileError) -> Bool
}

extension RowFileFormat {
    /// Opens a file of this format and reads its head.
    ///
    /// - Parameters:
    ///   - path: a file, or for `npy` a folder.
    ///   - ids: what the ids of a text file are; without it words for `word2vec` and numbers for
    ///     `csv`.
    /// - Throws: `unreadable`, or `malformed` for a head that is none.
    public func reader(path: String, ids: TextIDs? = nil) throws(RowFileError) -> any RowReader {
        switch self {
        case .safetensors: try SafetensorsReader(path: path)
        case .npy: try NPYReader(folder: path)
        case .word2vec: try Word2VecReader(path: path, ids: ids ?? .strings(nil))
        case .csv: try CSVReader(path: path, ids: ids ?? .numbers)
        }
    }
}
