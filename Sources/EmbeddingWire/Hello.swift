package import NIOCore

/// The client's first message: the versions it speaks and what it would like to use.
package struct Hello: Hashable, HandshakeMessage {
    package var versions: ClosedRange<UInt16>
    package var capabilities: Capabilities
    /// The secret that the client shares with the server; empty where it has none.
    package var credential: [UInt8]

    package static let headerBytes = 24
    package static let credentialBytesMax = 1024

    package init(
        versions: ClosedRange<UInt16> = Handshake.versions,
        capabilities: Capabilities = .all,
        credential: [UInt8] = []
    ) {
        precondition(credential.count <= Self.credentialBytesMax, "the credential is too long")
        self.versions = versions
        self.capabilities = capabilities
        self.credential = credential
    }

    package var frameBytesMax: Int? { nil }

    /// The highest version that both sides speak, or none.
    package var commonVersion: UInt16? {
        let highest = min(versions.upperBound, Handshake.versions.upperBound)
        return highest >= max(versions.lowerBound, Handshake.versions.lowerBound) ? highest : nil
    }

    package func write(to stream: inout ByteBuffer) {
        stream.writeBytes(Handshake.magic)
        stream.writeInteger(versions.lowerBound, endianness: .little)
        stream.writeInteger(versions.upperBound, endianness: .little)
        stream.writeInteger(capabilities.rawValue, endianness: .little)
        stream.writeInteger(UInt32(credential.count), endianness: .little)
        stream.writeInteger(UInt32(0), endianness: .little)
        stream.writeBytes(credential)
    }

    package static func read(from stream: inout ByteBuffer) throws(WireError) -> Hello? {
        try Handshake.checkMagic(stream)
        guard stream.readableBytes >= headerBytes else { return nil }
        var fields = BodyReader(stream, naming: "a Hello")
        try fields.skip(bytes: Handshake.magic.count)
        let lowest = try fields.integer(as: UInt16.self)
        let highest = try fields.integer(as: UInt16.self)
        let capabilities = Capabilities(rawValue: try fields.integer(as: UInt32.self))
        let credentialBytes = Int(try fields.integer(as: UInt32.self))
        try fields.zeros(count: 4)
        guard lowest > 0, lowest <= highest else {
            throw WireError(.malformed, "versions \(lowest) to \(highest) are no range of versions")
        }
        guard credentialBytes <= credentialBytesMax else {
            throw WireError(
                .malformed,
                "a credential of \(credentialBytes) bytes; the most is \(credentialBytesMax)")
        }
        guard fields.remainingBytes >= credentialBytes else { return nil }
        let credential = try fields.bytes(count: credentialBytes)
        stream.moveReaderIndex(forwardBy: headerBytes + credentialBytes)
        return Hello(
            versions: lowest...highest, capabilities: capabilities,
            credential: Array(credential.readableBytesView))
    }
}
