/// What a request asks for: byte 8 of its header.
package enum Operation: UInt8, CaseIterable, Sendable {
    case ping = 0x01
    case createTable = 0x02
    case openTable = 0x03
    case listTables = 0x04
    case dropTable = 0x05
    case share = 0x06
    case pull = 0x10
    case push = 0x11
    case assign = 0x12
    case pool = 0x13
    case delete = 0x14
    case count = 0x15
    case shrink = 0x16
    case admit = 0x17
    case prefetch = 0x18
    case stats = 0x20
    case checkpoint = 0x21

    /// Whether the header names the table that the request is about.
    var namesTable: Bool {
        switch self {
        case .dropTable, .pull, .push, .assign, .pool, .delete, .count, .shrink, .admit,
            .prefetch, .stats:
            true
        case .ping, .createTable, .openTable, .listTables, .share, .checkpoint: false
        }
    }

    /// Whether rows come back, in a format that the options choose.
    var returnsRows: Bool { self == .pull || self == .pool }
}
