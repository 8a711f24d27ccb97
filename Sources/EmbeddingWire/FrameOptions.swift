/// Byte 9 of a frame's header: how rows are to come back, and whether unknown ids get one.
package struct FrameOptions: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt8

    private static let createBit: UInt8 = 0x10
    private static let placeBit: UInt8 = 0x20
    private static let formatBits: UInt8 = 0x0F

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package init(format: RowFormat, create: Bool, hasPlace: Bool = false) {
        rawValue =
            format.rawValue | (create ? Self.createBit : 0) | (hasPlace ? Self.placeBit : 0)
    }

    /// Of an operation that takes no options.
    package static let none = FrameOptions(rawValue: 0)

    package var create: Bool { rawValue & Self.createBit != 0 }

    /// Whether the body begins with where in shared memory the rows go.
    package var hasPlace: Bool { rawValue & Self.placeBit != 0 }

    /// The format asked for; none when a format or another bit is set that is not known here.
    package var format: RowFormat? {
        guard rawValue & ~(Self.createBit | Self.placeBit | Self.formatBits) == 0 else { return nil }
        return RowFormat(rawValue: rawValue & Self.formatBits)
    }
}
