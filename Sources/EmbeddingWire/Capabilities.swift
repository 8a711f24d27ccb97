/// What a client asks for and a server grants in the handshake.
package struct Capabilities: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Rows may be asked for as float16.
    package static let float16Rows = Capabilities(rawValue: 1 << 0)
    /// Rows may be asked for as int16.
    package static let int16Rows = Capabilities(rawValue: 1 << 1)
    /// The connection may write: neither the server nor the client's credential is for reading
    /// only.
    package static let writes = Capabilities(rawValue: 1 << 2)

    /// Rows may be announced with `prefetch`.
    package static let prefetch = Capabilities(rawValue: 1 << 3)

    /// Rows may be placed in memory that both sides share.
    package static let sharedReplies = Capabilities(rawValue: 1 << 4)

    package static let all: Capabilities = [
        .float16Rows, .int16Rows, .writes, .prefetch, .sharedReplies,
    ]

    /// Whether rows may be asked for in `format`.
    package func allow(_ format: RowFormat) -> Bool {
        switch format {
        case .float32: true
        case .float16: contains(.float16Rows)
        case .int16: contains(.int16Rows)
        }
    }
}
