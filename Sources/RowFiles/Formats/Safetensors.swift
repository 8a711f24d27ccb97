/// Reads rows from a safetensors file with the tensors `ids` and `rows`; others are passed over.
final class SafetensorsReader: RowReader {
    private let tensors: TensorRowReader

    init(path: String) throws(RowFileError) {
        let file = try InputFile(path: path)
        let header = try SafetensorsHeader(file)
        let (ids, idType) = try header.section("ids", of: file, types: ["U64": 8, "I64": 8])
        let (rows, rowType) = try header.section("rows", of: file, types: ["F32": 4, "F16": 2])
        tensors = try TensorRowReader(
            ids: ids, isSigned: idType == "I64", rows: rows,
            rowType == "F32" ? .float32 : .float16)
    }

    var dimension: Int { tensors.dimension }
    var rowCount: Int? { tensors.rowCount }
    var byteCount: Int { tensors.byteCount }
    var bytesRead: Int { tensors.bytesRead }

    func next(into batch: inout RowBatch, limit: Int) throws(RowFileError) -> Bool {
        try tensors.next(into: &batch, limit: limit)
    }
}

/// Writes rows as the tensors `ids` and `rows` of a safetensors file.
final class SafetensorsWriter: RowWriter {
    private let file: OutputFile
    private var tensors: TensorRowWriter

    init(path: String, _ shape: RowShape) throws(RowFileError) {
        file = try OutputFile(path: path)
        let type = shape.element == .float32 ? "F32" : "F16"
        var header = Array(
            """
            {"ids":{"dtype":"U64","shape":[\(shape.rowCount)],\
            "data_offsets":[0,\(shape.idBytes)]},\
            "rows":{"dtype":"\(type)","shape":[\(shape.rowCount),\(shape.dimension)],\
            "data_offsets":[\(shape.idBytes),\(shape.idBytes + shape.rowBytes)]}}
            """.utf8)
        // So that the tensors are aligned when the file is mapped.
        header += Array(repeating: 0x20, count: (8 - header.count % 8) % 8)
        var head = OutputSection(file, at: 0)
        try head.append(LittleEndian.bytes(UInt64(header.count)))
        try head.append(header)
        try head.flush()
        let data = 8 + header.count
        tensors = TensorRowWriter(
            shape, ids: OutputSection(file, at: data),
            rows: OutputSection(file, at: data + shape.idBytes))
    }

    func write(_ batch: RowBatch) throws(RowFileError) { try tensors.write(batch) }

    func finish() throws(RowFileError) {
        try tensors.finish()
        try file.finish()
    }
}
