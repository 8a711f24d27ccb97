internal import Foundation

/// Reads rows from `ids.npy` and `rows.npy` of a folder.
final class NPYReader: RowReader {
    private let tensors: TensorRowReader

    init(folder: String) throws(RowFileError) {
        let (ids, idType) = try Self.section("\(folder)/ids.npy", types: ["<u8": 8, "<i8": 8])
        let (rows, rowType) = try Self.section("\(folder)/rows.npy", types: ["<f4": 4, "<f2": 2])
        tensors = try TensorRowReader(
            ids: ids, isSigned: idType == "<i8", rows: rows,
            rowType == "<f4" ? .float32 : .float16)
    }

    private static func section(
        _ path: String, types: [String: Int]
    ) throws(RowFileError) -> (TensorSection, type: String) {
        let file = try InputFile(path: path)
        let header = try NPYHeader(file, types: types)
        return (
            TensorSection(file: file, offset: header.dataOffset, shape: header.shape), header.type
        )
    }

    var dimension: Int { tensors.dimension }
    var rowCount: Int? { tensors.rowCount }
    var byteCount: Int { tensors.byteCount }
    var bytesRead: Int { tensors.bytesRead }

    func next(into batch: inout RowBatch, limit: Int) throws(RowFileError) -> Bool {
        try tensors.next(into: &batch, limit: limit)
    }
}

/// Writes rows to `ids.npy` and `rows.npy` of a new folder, which has its name once both are whole.
final class NPYWriter: RowWriter {
    private let folder: String
    private let partial: String
    private let ids: OutputFile
    private let rows: OutputFile
    private var tensors: TensorRowWriter
    private var isFinished = false

    init(folder: String, _ shape: RowShape) throws(RowFileError) {
        guard access(folder, F_OK) != 0 else { throw .exists(folder) }
        self.folder = folder
        partial = "\(folder).partial-\(getpid())"
        guard mkdir(partial, 0o755) == 0 else {
            throw .cannotWrite(InputFile.reason("create", partial))
        }
        do throws(RowFileError) {
            ids = try OutputFile(path: "\(partial)/ids.npy")
            rows = try OutputFile(path: "\(partial)/rows.npy")
            let type = shape.element == .float32 ? "<f4" : "<f2"
            tensors = TensorRowWriter(
                shape, ids: try Self.begin(ids, "<u8", [shape.rowCount]),
                rows: try Self.begin(rows, type, [shape.rowCount, shape.dimension]))
        } catch {
            rmdir(partial)
            throw error
        }
    }

    private static func begin(
        _ file: OutputFile, _ type: String, _ shape: [Int]
    ) throws(RowFileError) -> OutputSection {
        var section = OutputSection(file, at: 0)
        try section.append(NPYHeader.bytes(type: type, shape: shape))
        return section
    }

    deinit {
        // What is in it goes as well: the files have their names only at the end.
        if !isFinished { try? FileManager.default.removeItem(atPath: partial) }
    }

    func write(_ batch: RowBatch) throws(RowFileError) { try tensors.write(batch) }

    func finish() throws(RowFileError) {
        try tensors.finish()
        try ids.finish()
        try rows.finish()
        // Onto an empty folder it would succeed.
        guard access(folder, F_OK) != 0 else { throw .exists(folder) }
        guard rename(partial, folder) == 0 else {
            throw errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR
                ? .exists(folder) : .cannotWrite(InputFile.reason("create", folder))
        }
        isFinished = true
    }
}
