/// The head of a safetensors file: 8 bytes of length, then JSON that says where each tensor lies in
/// the bytes that follow it.
struct SafetensorsHeader {
    struct Tensor {
        var type = ""
        var shape: [Int] = []
        var offsets: [Int] = []
    }

    private(set) var tensors: [String: Tensor] = [:]
    /// Where the tensors' bytes begin.
    let dataOffset: Int

    /// As in the reference implementation.
    private static let bytesMax = 100_000_000

    init(_ file: InputFile) throws(RowFileError) {
        let length = try file.read(count: 8, at: 0).withUnsafeBytes {
            UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self))
        }
        guard length <= Self.bytesMax, Int(length) + 8 <= file.byteCount else {
            throw file.malformed(at: 0, "a header of \(length) bytes does not fit")
        }
        dataOffset = 8 + Int(length)
        let json = try file.read(count: Int(length), at: 8)
        do throws(HeaderScanner.Failure) {
            try parse(json)
        } catch {
            throw file.malformed(at: 8 + error.offset, error.reason)
        }
        try check(file)
    }

    private mutating func parse(_ json: [UInt8]) throws(HeaderScanner.Failure) {
        var scanner = HeaderScanner(json, quotes: "\"")
        var found: [String: Tensor] = [:]
        try scanner.object(trailingComma: false) { (scanner, name) throws(HeaderScanner.Failure) in
            if name == "__metadata__" {
                return try scanner.object(trailingComma: false) {
                    (scanner, _) throws(HeaderScanner.Failure) in _ = try scanner.string()
                }
            }
            var tensor = Tensor()
            try scanner.object(trailingComma: false) {
                (scanner, key) throws(HeaderScanner.Failure) in
                switch key {
                case "dtype": tensor.type = try scanner.string()
                case "shape": tensor.shape = try scanner.numbers("[", "]", trailingComma: false)
                case "data_offsets":
                    tensor.offsets = try scanner.numbers("[", "]", trailingComma: false)
                default: throw scanner.failure("a tensor has no '\(key)'")
                }
            }
            found[name] = tensor
        }
        guard scanner.isAtEnd else { throw scanner.failure("more after the header's end") }
        tensors = found
    }

    /// The tensors fill the rest of the file without a hole, as the format asks.
    private func check(_ file: InputFile) throws(RowFileError) {
        func malformed(_ reason: String) -> RowFileError {
            .malformed(file: file.path, place: "header", reason: reason)
        }
        var end = 0
        for (name, tensor) in tensors.sorted(by: { $0.value.start < $1.value.start }) {
            guard tensor.offsets.count == 2, tensor.offsets[0] == end,
                tensor.offsets[1] >= tensor.offsets[0]
            else {
                throw malformed("the tensor '\(name)' does not follow the one before it")
            }
            end = tensor.offsets[1]
        }
        guard end == file.byteCount - dataOffset else {
            throw malformed(
                "tensors of \(end) bytes in a file with \(file.byteCount - dataOffset) bytes of them"
            )
        }
    }

    /// A tensor and its type, one of `types`.
    func section(
        _ name: String, of file: InputFile, types: [String: Int]
    ) throws(RowFileError) -> (TensorSection, type: String) {
        func malformed(_ reason: String) -> RowFileError {
            .malformed(file: file.path, place: "header", reason: reason)
        }
        guard let tensor = tensors[name] else { throw malformed("there is no tensor '\(name)'") }
        guard let bytes = types[tensor.type] else {
            throw malformed(
                "'\(name)' is \(tensor.type), not \(types.keys.sorted().joined(separator: " or "))")
        }
        var size = bytes
        for count in tensor.shape {
            let (product, overflow) = size.multipliedReportingOverflow(by: count)
            guard !overflow else { throw malformed("the shape of '\(name)' overflows") }
            size = product
        }
        guard size == tensor.offsets[1] - tensor.offsets[0] else {
            throw malformed(
                "'\(name)' has \(tensor.offsets[1] - tensor.offsets[0]) bytes, its shape \(size)")
        }
        return (
            TensorSection(file: file, offset: dataOffset + tensor.offsets[0], shape: tensor.shape),
            tensor.type
        )
    }
}

extension SafetensorsHeader.Tensor {
    fileprivate var start: Int { offsets.first ?? 0 }
}
