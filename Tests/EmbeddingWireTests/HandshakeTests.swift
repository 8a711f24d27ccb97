import NIOCore
import Testing

@testable import EmbeddingWire

@Suite struct HandshakeTests {
    let limits = Limits(frameBytesMax: 1 << 20, idsMax: 1000, requestsInFlightMax: 8)

    @Test(arguments: GoldenFrame.all(.hello))
    func helloFollowsThePage(golden: GoldenFrame) throws {
        let fields = golden.fields
        let hello = Hello(
            versions: fields.versionLowest!...fields.versionHighest!,
            capabilities: Capabilities(rawValue: fields.capabilities!),
            credential: GoldenFrame.bytes(hex: fields.credentialHex!))
        var encoded = ByteBuffer()
        hello.write(to: &encoded)
        #expect(encoded == golden.bytes)

        var stream = golden.bytes
        stream.writeString("more")
        #expect(try Hello.read(from: &stream) == hello)
        #expect(String(buffer: stream) == "more")
    }

    @Test(arguments: GoldenFrame.all(.welcome))
    func welcomeFollowsThePage(golden: GoldenFrame) throws {
        let fields = golden.fields
        let limits = Limits(
            frameBytesMax: fields.frameBytesMax!, idsMax: fields.idsMax!,
            requestsInFlightMax: fields.requestsInFlightMax!)
        let welcome =
            fields.status! == 0
            ? Welcome(
                version: fields.version!,
                capabilities: Capabilities(rawValue: fields.capabilities!), limits: limits)
            : Welcome(
                refusing: WireError(ErrorCode(rawValue: fields.status!), fields.message!),
                limits: limits)
        var encoded = ByteBuffer()
        welcome.write(to: &encoded)
        #expect(encoded == golden.bytes)

        var stream = golden.bytes
        #expect(try Welcome.read(from: &stream) == welcome)
        #expect(stream.readableBytes == 0)
    }

    @Test(arguments: GoldenFrame.all(.hello) + GoldenFrame.all(.welcome))
    func everyShorterMessageIsWaitedFor(golden: GoldenFrame) throws {
        for length in 0..<golden.bytes.readableBytes {
            var stream = golden.bytes.getSlice(at: 0, length: length)!
            switch golden.direction {
            case .hello: #expect(try Hello.read(from: &stream) == nil)
            default: #expect(try Welcome.read(from: &stream) == nil)
            }
            #expect(stream.readableBytes == length)
        }
    }

    @Test func anotherProtocolIsRefusedAtItsFirstWrongByte() {
        var request = ByteBuffer(string: "GET / HTTP/1.1\r\n")
        #expect(throws: WireError.self) { try Hello.read(from: &request) }
        var almost = ByteBuffer(string: "TCLINE\n")
        #expect(throws: WireError.self) { try Hello.read(from: &almost) }
        #expect(throws: WireError.self) { try Welcome.read(from: &almost) }
    }

    @Test(arguments: [[0x16, 0x03, 0x01], [0x15, 0x03, 0x03, 0x00, 0x02]] as [[UInt8]])
    func aPeerThatSpeaksTLSIsRecognized(bytes: [UInt8]) {
        var stream = ByteBuffer(bytes: bytes)
        let error = #expect(throws: WireError.self) { try Welcome.read(from: &stream) }
        #expect(error?.code == .malformed)
        #expect(error?.message.contains("tls:HOST:PORT") == true)
        stream.clear()
        stream.writeBytes([0x16, 0x04])
        let other = #expect(throws: WireError.self) { try Welcome.read(from: &stream) }
        #expect(other?.message.contains("TLS") == false)
    }

    @Test(
        arguments: [
            (8, [0, 0]), (8, [2, 0]), (16, [1, 4, 0, 0]), (16, [255, 255, 255, 255]),
            (20, [0, 0, 0, 1]),
        ] as [(Int, [UInt8])])
    func badFieldsOfHelloAreMalformed(offset: Int, bytes: [UInt8]) {
        var stream = ByteBuffer()
        Hello().write(to: &stream)
        stream.setBytes(bytes, at: offset)
        let error = #expect(throws: WireError.self) { try Hello.read(from: &stream) }
        #expect(error?.code == .malformed)
    }

    @Test(
        arguments: [
            (8, [0, 0]), (10, [3, 0]), (16, [0, 0, 0, 0]), (20, [0, 0, 0, 0]), (24, [0, 0, 0, 0]),
            (28, [1]), (35, [1]), (36, [255, 255, 255, 255]),
        ] as [(Int, [UInt8])])
    func badFieldsOfWelcomeAreMalformed(offset: Int, bytes: [UInt8]) {
        var stream = ByteBuffer()
        let limits = Limits(frameBytesMax: 7, idsMax: 7, requestsInFlightMax: 7)
        Welcome(version: 1, capabilities: .all, limits: limits).write(to: &stream)
        stream.setBytes(bytes, at: offset)
        let error = #expect(throws: WireError.self) { try Welcome.read(from: &stream) }
        #expect(error?.code == .malformed)
    }

    @Test func theHighestCommonVersionIsChosen() {
        #expect(Hello(versions: 1...9).commonVersion == 1)
        #expect(Hello(versions: 2...9).commonVersion == nil)
        let refused = Welcome(answering: Hello(versions: 2...9), capabilities: .all, limits: limits)
        #expect(refused.refusal?.code == .unsupportedVersion)
        #expect(refused.version == 0)
    }

    @Test func onlyWhatBothHaveIsGranted() {
        let hello = Hello(capabilities: [.float16Rows, .writes, Capabilities(rawValue: 1 << 31)])
        let welcome = Welcome(
            answering: hello, capabilities: [.float16Rows, .int16Rows], limits: limits)
        #expect(welcome.capabilities == [.float16Rows])
        #expect(welcome.refusal == nil)
    }

    @Test func aLongMessageIsCutBetweenCharacters() throws {
        let refusal = WireError(.overloaded, String(repeating: "é", count: 600) + "x")
        var stream = ByteBuffer()
        Welcome(refusing: refusal, limits: limits).write(to: &stream)
        let message = try #require(try Welcome.read(from: &stream)?.refusal?.message)
        #expect(message == String(repeating: "é", count: 512))
    }
}
