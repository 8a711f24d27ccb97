/// The head of a `.npy` file: magic, version, length, and a Python dictionary of what follows.
struct NPYHeader {
    let type: String
    let shape: [Int]
    /// Where the elements begin.
    let dataOffset: Int

    private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

    /// Reads the head and checks it against the file's length.
    ///
    /// - Parameter types: the types that are read, with the bytes of an element.
    init(_ file: InputFile, types: [String: Int]) throws(RowFileError) {
        let start = try file.read(count: 8, at: 0)
        guard start.prefix(6).elementsEqual(Self.magic) else {
            throw file.malformed(at: 0, "not a .npy file")
        }
        guard (1...3).contains(start[6]), start[7] == 0 else {
            throw file.malformed(at: 6, "version \(start[6]).\(start[7]) is not read")
        }
        // Since version 2 the length has four bytes.
        let lengthBytes = start[6] == 1 ? 2 : 4
        let length = try file.read(count: lengthBytes, at: 8).reversed().reduce(0) {
            $0 << 8 | Int($1)
        }
        dataOffset = 8 + lengthBytes + length
        guard dataOffset <= file.byteCount else {
            throw file.malformed(at: 8, "a header of \(length) bytes does not fit")
        }
        let text = try file.read(count: length, at: 8 + lengthBytes)
        do throws(HeaderScanner.Failure) {
            (type, shape) = try Self.parse(text)
        } catch {
            throw file.malformed(at: 8 + lengthBytes + error.offset, error.reason)
        }
        func malformed(_ reason: String) -> RowFileError {
            .malformed(file: file.path, place: "header", reason: reason)
        }
        guard let elementBytes = types[type] else {
            throw malformed(
                "elements are '\(type)', not \(types.keys.sorted().joined(separator: " or "))")
        }
        var size = elementBytes
        for count in shape {
            let (product, overflow) = size.multipliedReportingOverflow(by: count)
            guard !overflow else { throw malformed("the shape overflows") }
            size = product
        }
        guard size == file.byteCount - dataOffset else {
            throw malformed(
                "\(size) bytes of elements in a file with \(file.byteCount - dataOffset)")
        }
    }

    private static func parse(
        _ text: [UInt8]
    ) throws(HeaderScanner.Failure) -> (type: String, shape: [Int]) {
        var scanner = HeaderScanner(text, quotes: "'\"")
        var type: String?
        var shape: [Int]?
        var isInFortranOrder: Bool?
        try scanner.object(trailingComma: true) { (scanner, key) throws(HeaderScanner.Failure) in
            switch key {
            case "descr": type = try scanner.string()
            case "shape": shape = try scanner.numbers("(", ")", trailingComma: true)
            case "fortran_order":
                let word = try scanner.word()
                guard word == "True" || word == "False" else {
                    throw scanner.failure("fortran_order is True or False")
                }
                isInFortranOrder = word == "True"
            default: throw scanner.failure("an array has no '\(key)'")
            }
        }
        guard scanner.isAtEnd else { throw scanner.failure("more after the header's end") }
        guard let type, let shape, let isInFortranOrder else {
            throw scanner.failure("descr, fortran_order or shape is missing")
        }
        // With one column, or none, both orders are the same.
        guard !isInFortranOrder || shape.dropFirst().allSatisfy({ $0 <= 1 }) else {
            throw scanner.failure("the array is in Fortran order; save it in C order")
        }
        return (type, shape)
    }

    /// The bytes of a head of version 1, such that the elements are aligned to 64.
    static func bytes(type: String, shape: [Int]) -> [UInt8] {
        let sizes = shape.count == 1 ? "(\(shape[0]),)" : "(\(shape[0]), \(shape[1]))"
        var text = Array("{'descr': '\(type)', 'fortran_order': False, 'shape': \(sizes), }".utf8)
        text += Array(repeating: 0x20, count: 63 - (10 + text.count) % 64)
        text.append(UInt8(ascii: "\n"))
        return magic + [1, 0] + LittleEndian.bytes(UInt16(text.count)) + text
    }
}
