package import NIOCore

/// The first message in one direction of a connection: ``Hello`` or ``Welcome``.
package protocol HandshakeMessage: Sendable {
    /// Takes one message from the front of the stream, or nothing when more bytes are needed.
    ///
    /// Wrong bytes are refused as soon as they are seen, so that a peer that speaks another
    /// protocol is not waited for.
    static func read(from stream: inout ByteBuffer) throws(WireError) -> Self?

    /// The body limit that this message announces for the frames that follow it in the same
    /// direction; none when it says nothing about it.
    var frameBytesMax: Int? { get }
}

/// The versions of the protocol that this codec speaks, and what both messages begin with.
package enum Handshake {
    package static let versions: ClosedRange<UInt16> = 1...1

    /// `TCLINE\r\n`; the line end makes transports that translate them show at once.
    package static let magic: [UInt8] = [0x54, 0x43, 0x4C, 0x49, 0x4E, 0x45, 0x0D, 0x0A]

    /// Refuses a stream that does not begin with as much of the magic as has arrived. One that is
    /// TLS is recognized: a peer that expects it is the likeliest mistake.
    static func checkMagic(_ stream: ByteBuffer) throws(WireError) {
        let start = stream.readableBytesView.prefix(magic.count)
        guard !magic.starts(with: start) else { return }
        // The types of record that a TLS connection begins with: an alert, a handshake.
        if start.count >= 2, [0x15, 0x16].contains(start.first), start.dropFirst().first == 3 {
            throw WireError(
                .malformed, "the other side speaks TLS here; with TLS an address is tls:HOST:PORT")
        }
        throw WireError(.malformed, "the first bytes are not those of this protocol")
    }
}
