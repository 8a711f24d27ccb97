import Foundation
import Testing

@testable import EmbeddingAccess

@Suite struct TLSFilesTests {
    private func fixture(_ name: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../Fixtures/tls/\(name)").standardizedFileURL.path
    }

    /// The path that an error names.
    private func refused(_ body: () throws -> Void) -> String? {
        #expect(throws: UnusableFile.self, performing: body)?.path
    }

    @Test func soundFilesAreRead() throws {
        let server = try ServerTLS(
            certificate: fixture("server.pem"), key: fixture("server.key"))
        #expect(!server.requiresClientCertificate)
        let strict = try ServerTLS(
            certificate: fixture("server.pem"), key: fixture("server.key"),
            clientCA: fixture("root.pem"))
        #expect(strict.requiresClientCertificate)
        _ = try ClientTLS()
        _ = try ClientTLS(
            ca: fixture("root.pem"), certificate: fixture("client.pem"),
            key: fixture("client.key"))
    }

    @Test func oneFileMayHoldBoth() throws {
        let parts = try ["server.pem", "server.key"].map {
            try String(contentsOfFile: fixture($0), encoding: .utf8)
        }
        let both = try TemporaryFile(parts.joined())
        _ = try ServerTLS(certificate: both.path)
        _ = try ClientTLS(certificate: both.path)
    }

    @Test func theFileThatIsWrongIsNamed() throws {
        let pem = fixture("server.pem")
        let key = fixture("server.key")
        let text = try TemporaryFile("no PEM")
        for wrong in ["/no/such/file", "/tmp", text.path, key] {
            #expect(refused { _ = try ServerTLS(certificate: wrong, key: key) } == wrong)
            #expect(refused { _ = try ClientTLS(ca: wrong) } == wrong)
            #expect(
                refused { _ = try ServerTLS(certificate: pem, key: key, clientCA: wrong) }
                    == wrong)
        }
        for wrong in ["/no/such/file", text.path, pem] {
            #expect(refused { _ = try ServerTLS(certificate: pem, key: wrong) } == wrong)
            #expect(refused { _ = try ClientTLS(certificate: pem, key: wrong) } == wrong)
        }
        #expect(refused { _ = try ServerTLS(certificate: pem) } == pem)
    }

    @Test func aKeyOfAnotherCertificateIsRefused() {
        let other = fixture("client.key")
        #expect(
            refused { _ = try ServerTLS(certificate: fixture("server.pem"), key: other) } == other)
        #expect(
            refused { _ = try ClientTLS(certificate: fixture("server.pem"), key: other) } == other)
    }
}
