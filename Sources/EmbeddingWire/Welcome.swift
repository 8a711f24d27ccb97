package import NIOCore

/// The server's first message: what was agreed, or why the client is refused.
package struct Welcome: Hashable, HandshakeMessage {
    /// The version chosen; 0 when the client is refused.
    package var version: UInt16
    /// Why the client is refused; none when it is accepted.
    package var refusal: WireError?
    /// Those asked for that the server has.
    package var capabilities: Capabilities
    package var limits: Limits

    package static let headerBytes = 40

    /// Accepts the client.
    package init(version: UInt16, capabilities: Capabilities, limits: Limits) {
        self.version = version
        self.capabilities = capabilities
        self.limits = limits
    }

    /// Refuses the client; the server closes the connection after it.
    ///
    /// The retry hint of `refusal` is not sent: a Welcome has no room for it.
    package init(refusing refusal: WireError, limits: Limits) {
        version = 0
        self.refusal = WireError(refusal.code, refusal.message)
        capabilities = []
        self.limits = limits
    }

    /// What a server that has `capabilities` answers to `hello`: accepted with what both have, or
    /// refused when no version is common.
    package init(answering hello: Hello, capabilities: Capabilities, limits: Limits) {
        if let version = hello.commonVersion {
            self.init(
                version: version, capabilities: hello.capabilities.intersection(capabilities),
                limits: limits)
        } else {
            let ours = Handshake.versions
            let message =
                "versions \(ours.lowerBound) to \(ours.upperBound) are spoken here, not "
                + "\(hello.versions.lowerBound) to \(hello.versions.upperBound)"
            self.init(refusing: WireError(.unsupportedVersion, message), limits: limits)
        }
    }

    package var frameBytesMax: Int? { limits.frameBytesMax }

    package func write(to stream: inout ByteBuffer) {
        let message = (refusal?.message ?? "").cut(toBytes: WireError.messageBytesMax)
        stream.writeBytes(Handshake.magic)
        stream.writeInteger(version, endianness: .little)
        stream.writeInteger(refusal?.code.rawValue ?? 0, endianness: .little)
        stream.writeInteger(capabilities.rawValue, endianness: .little)
        stream.writeInteger(UInt32(limits.frameBytesMax), endianness: .little)
        stream.writeInteger(UInt32(limits.idsMax), endianness: .little)
        stream.writeInteger(UInt32(limits.requestsInFlightMax), endianness: .little)
        stream.writeInteger(UInt64(0), endianness: .little)
        stream.writeInteger(UInt32(message.utf8.count), endianness: .little)
        stream.writeSubstring(message)
    }

    package static func read(from stream: inout ByteBuffer) throws(WireError) -> Welcome? {
        try Handshake.checkMagic(stream)
        guard stream.readableBytes >= headerBytes else { return nil }
        var fields = BodyReader(stream, naming: "a Welcome")
        try fields.skip(bytes: Handshake.magic.count)
        let version = try fields.integer(as: UInt16.self)
        let status = try fields.integer(as: UInt16.self)
        let capabilities = Capabilities(rawValue: try fields.integer(as: UInt32.self))
        let frameBytesMax = Int(try fields.integer(as: UInt32.self))
        let idsMax = Int(try fields.integer(as: UInt32.self))
        let requestsInFlightMax = Int(try fields.integer(as: UInt32.self))
        try fields.zeros(count: 8)
        let messageBytes = Int(try fields.integer(as: UInt32.self))
        guard min(frameBytesMax, idsMax, requestsInFlightMax) > 0 else {
            throw WireError(.malformed, "a Welcome with a limit of 0")
        }
        guard messageBytes <= WireError.messageBytesMax, (version == 0) == (status != 0) else {
            throw WireError(
                .malformed,
                "a Welcome of version \(version), status \(status), message \(messageBytes) bytes")
        }
        guard fields.remainingBytes >= messageBytes else { return nil }
        let message = try fields.string(bytes: messageBytes)
        stream.moveReaderIndex(forwardBy: headerBytes + messageBytes)
        let limits = Limits(
            frameBytesMax: frameBytesMax, idsMax: idsMax, requestsInFlightMax: requestsInFlightMax)
        if status != 0 {
            return Welcome(
                refusing: WireError(ErrorCode(rawValue: status), message), limits: limits)
        }
        return Welcome(version: version, capabilities: capabilities, limits: limits)
    }
}
