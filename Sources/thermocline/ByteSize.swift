import ArgumentParser

/// A number of bytes as people write it: `512MiB`, `4GiB`, `65536`.
struct ByteSize: ExpressibleByArgument, CustomStringConvertible {
    let bytes: Int

    private static let units: [(name: String, bytes: Int)] = [
        ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
    ]

    init(bytes: Int) { self.bytes = bytes }

    init?(argument: String) {
        let unit = Self.units.first { argument.hasSuffix($0.name) }
        let digits = argument.dropLast(unit?.name.count ?? 0)
        guard let number = Int(digits), number > 0 else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit?.bytes ?? 1)
        guard !overflow else { return nil }
        self.bytes = bytes
    }

    var description: String {
        let unit = Self.units.last { bytes % $0.bytes == 0 }
        return unit.map { "\(bytes / $0.bytes)\($0.name)" } ?? "\(bytes)"
    }

    var defaultValueDescription: String { description }
}
