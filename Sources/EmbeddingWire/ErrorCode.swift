/// Why a request was refused: the number that error replies carry (Protocol.md, section 5).
///
/// A structure and not an enumeration, because a newer server may send a code that this
/// client does not know; such a code is treated as ``internal``.
public struct ErrorCode: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt16

    public init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// The bytes do not follow the protocol.
    public static let malformed = ErrorCode(rawValue: 1)
    /// No version is common to both sides.
    public static let unsupportedVersion = ErrorCode(rawValue: 2)
    /// The operation or its options are not known to the server.
    public static let unknownOperation = ErrorCode(rawValue: 3)
    /// No table has that name or number.
    public static let unknownTable = ErrorCode(rawValue: 4)
    /// The table is there already, or is there with another schema.
    public static let tableExists = ErrorCode(rawValue: 5)
    /// Rows or gradients have another dimension than the table's.
    public static let dimensionMismatch = ErrorCode(rawValue: 6)
    /// A gradient, row or weight is NaN or infinite.
    public static let nonFinite = ErrorCode(rawValue: 7)
    /// The frame, or the reply it asks for, is longer than the server's limit.
    public static let tooLarge = ErrorCode(rawValue: 8)
    /// There are more ids in the request than the server takes.
    public static let tooManyIds = ErrorCode(rawValue: 9)
    /// No table can have that schema or name.
    public static let invalidSchema = ErrorCode(rawValue: 10)
    /// A write was sent to a server or connection that only reads.
    public static let readOnly = ErrorCode(rawValue: 11)
    /// The server has too much to do; try again later.
    public static let overloaded = ErrorCode(rawValue: 12)
    /// Reading or writing the disk failed; nothing was changed.
    public static let storageFailed = ErrorCode(rawValue: 13)
    /// A row on disk is damaged and is not served.
    public static let damaged = ErrorCode(rawValue: 14)
    /// The request is sound, but this server cannot do it.
    public static let unsupported = ErrorCode(rawValue: 15)
    /// The server is stopping.
    public static let shuttingDown = ErrorCode(rawValue: 16)
    /// A destination exists or cannot be made.
    public static let cannotCreate = ErrorCode(rawValue: 17)
    /// The server has as many connections as it allows.
    public static let tooManyConnections = ErrorCode(rawValue: 18)
    /// The client's credential is not one of the server's.
    public static let unauthorized = ErrorCode(rawValue: 19)
    /// The server has a defect.
    public static let `internal` = ErrorCode(rawValue: 20)
    /// The disk is full; nothing was changed, and reads go on.
    public static let storageFull = ErrorCode(rawValue: 21)

    /// Names as the protocol page spells them; the first belongs to code 1.
    private static let names = [
        "malformed", "unsupportedVersion", "unknownOperation", "unknownTable", "tableExists",
        "dimensionMismatch", "nonFinite", "tooLarge", "tooManyIds", "invalidSchema", "readOnly",
        "overloaded", "storageFailed", "damaged", "unsupported", "shuttingDown", "cannotCreate",
        "tooManyConnections", "unauthorized", "internal", "storageFull",
    ]

    /// Every code of version 1 of the protocol, ascending.
    public static let all = (1...UInt16(names.count)).map(ErrorCode.init(rawValue:))
}

extension ErrorCode: CustomStringConvertible {
    /// The code's name in the protocol, or `error N` for one that is not known here.
    public var description: String {
        let index = Int(rawValue) - 1
        return Self.names.indices.contains(index) ? Self.names[index] : "error \(rawValue)"
    }
}
