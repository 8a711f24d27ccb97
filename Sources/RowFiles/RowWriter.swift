/// Writes rows to a file, which has its name only once it is whole.
///
/// What was written is removed with a writer that was not finished.
public protocol RowWriter: AnyObject {
    /// Appends rows. Throws ``RowFileError`` `cannotWrite`.
    func write(_ batch: RowBatch) throws(RowFileError)
    /// Makes the file survive the machine and gives it its name. Throws ``RowFileError`` `exists`
    /// when there is one of that name by now, or `cannotWrite`.
    func finish() throws(RowFileError)
}

extension RowFileFormat {
    /// Begins a file of this format.
    ///
    /// - Parameters:
    ///   - path: a file, or for `npy` a folder, that does not exist.
    ///   - rowCount: how many rows will be written.
    ///   - element: how floats are written in `safetensors` and `npy`; text has all their digits.
    /// - Throws: `exists` or `cannotWrite`.
    public func writer(
        path: String, rowCount: Int, dimension: Int, element: RowElement = .float32
    ) throws(RowFileError) -> any RowWriter {
        let shape = RowShape(rowCount: rowCount, dimension: dimension, element: element)
        return switch self {
        case .safetensors: try SafetensorsWriter(path: path, shape)
        case .npy: try NPYWriter(folder: path, shape)
        case .word2vec:
            try TextRowWriter(path: path, head: "\(rowCount) \(dimension)\n", " ", shape)
        case .csv:
            try TextRowWriter(
                path: path,
                head: "id" + (0..<dimension).map { ",v\($0)" }.joined() + "\n", ",", shape)
        }
    }
}

/// What a writer was promised.
struct RowShape {
    let rowCount: Int
    let dimension: Int
    let element: RowElement

    var idBytes: Int { 8 * rowCount }
    var rowBytes: Int { rowCount * dimension * element.byteCount }
}
