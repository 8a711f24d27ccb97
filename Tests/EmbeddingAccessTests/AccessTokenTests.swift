import Foundation
import Testing

@testable import EmbeddingAccess

@Suite struct AccessTokenTests {
    private func token(_ text: String) throws -> AccessToken {
        try #require(AccessToken(Array(text.utf8)))
    }

    @Test(arguments: [
        ("open sesame", "open sesame"), ("open sesame\n", "open sesame"), ("a\n\n", "a\n"),
        (" a ", " a "), ("a\r\n", "a\r"), ("\u{0}", "\u{0}"),
    ])
    func oneNewlineAtTheEndOfAFileIsNoPartOfIt(content: String, expected: String) throws {
        let file = try TemporaryFile(content)
        #expect(try AccessToken(file: file.path).bytes == Array(expected.utf8))
    }

    @Test func aTokenHasAtMostAsMuchAsTheHandshakeCarries() throws {
        let longest = [UInt8](repeating: 0x61, count: 1024)
        let whole = try TemporaryFile(longest)
        #expect(try AccessToken(file: whole.path).bytes == longest)
        let withNewline = try TemporaryFile(longest + [0x0A])
        #expect(try AccessToken(file: withNewline.path).bytes == longest)
        for excess in [[0x61], [0x61, 0x0A], [0x0A, 0x0A], [UInt8](repeating: 0, count: 5000)] {
            let file = try TemporaryFile(longest + excess)
            let error = #expect(throws: UnusableFile.self) { try AccessToken(file: file.path) }
            #expect(error?.reason.contains("1024") == true)
        }
        #expect(AccessToken(longest + [0x61]) == nil)
        #expect(AccessToken([]) == nil)
    }

    @Test(arguments: ["", "\n"]) func anEmptyFileIsNoToken(content: String) throws {
        let file = try TemporaryFile(content)
        let error = #expect(throws: UnusableFile.self) { try AccessToken(file: file.path) }
        #expect(error?.reason.contains("empty") == true)
    }

    @Test(arguments: [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o777] as [mode_t])
    func aFileThatOthersMayUseIsRefused(mode: mode_t) throws {
        let file = try TemporaryFile("open sesame", mode: mode)
        let error = #expect(throws: UnusableFile.self) { try AccessToken(file: file.path) }
        #expect(error?.path == file.path)
        #expect(error?.reason.contains("chmod 600 \(file.path)") == true)
        #expect(error.map { "\($0)".contains("sesame") } == false)
    }

    @Test(arguments: [0o600, 0o400, 0o700] as [mode_t])
    func aFileOfItsOwnersAloneIsRead(mode: mode_t) throws {
        let file = try TemporaryFile("open sesame", mode: mode)
        #expect(try AccessToken(file: file.path).matches(Array("open sesame".utf8)))
    }

    @Test func whatIsNoRegularFileIsRefusedWithoutWaiting() throws {
        let pipe = "/tmp/tca-\(UUID().uuidString)"
        #expect(mkfifo(pipe, 0o600) == 0)
        defer { unlink(pipe) }
        for path in [pipe, "/tmp", "/no/such/file"] {
            #expect(throws: UnusableFile.self) { try AccessToken(file: path) }
        }
    }

    @Test func onlyTheTokenMatches() throws {
        let secret = try token("open sesame")
        #expect(secret.matches(Array("open sesame".utf8)))
        for other in ["", "o", "open sesam", "open sesame\u{0}", "open sesamf", "Open sesame"] {
            #expect(!secret.matches(Array(other.utf8)), "\(other)")
        }
        #expect(!secret.matches(Array(repeating: 0, count: 5000)))
        #expect(try !token("\u{0}").matches([]))
        #expect(try !token("\u{0}").matches([0, 0]))
    }

    @Test func noDescriptionShowsIt() throws {
        struct Holder { var token: AccessToken? }
        let holder = Holder(token: try token("open sesame"))
        var dumped = ""
        dump(holder, to: &dumped)
        let texts = ["\(holder)", String(reflecting: holder), dumped, "\(holder.token!)"]
        for text in texts {
            #expect(!text.contains("sesame") && !text.contains("111, 112"), "\(text)")
        }
    }
}
