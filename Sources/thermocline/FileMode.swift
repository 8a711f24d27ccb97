internal import ArgumentParser

/// Permission bits of a file as one writes them: octal, up to 0777.
struct FileMode: ExpressibleByArgument, Equatable {
    var bits: UInt32

    init(bits: UInt32) {
        self.bits = bits
    }

    init?(argument: String) {
        guard argument.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "7")).contains),
            let bits = UInt32(argument, radix: 8), bits <= 0o777
        else { return nil }
        self.init(bits: bits)
    }

    var defaultValueDescription: String { "0" + String(bits, radix: 8) }
}
