import EmbeddingClient
import EmbeddingServer
import Testing

@Suite struct AcceptorTests {
    @Test(arguments: [TestServer.Socket.unix, .tcp])
    func connectionsBeyondTheLimitAreRefused(socket: TestServer.Socket) async throws {
        var options = TestServer.options
        options.connectionsMax = 2
        try await TestServer.with(socket: socket, options: options) { server in
            let first = try await server.connect()
            let second = try await server.connect()
            // More than once, so that a refused one is not counted.
            var refusals = 0
            for _ in 0..<50 where refusals < 5 {
                do {
                    let third = try await server.connect()
                    await third.close()
                    Issue.record("a third connection was accepted")
                } catch ConnectionError.refused(let error) {
                    #expect(error.code == .tooManyConnections)
                    refusals += 1
                } catch is ConnectionError {
                    // On a busy machine the server may be gone before this has read why.
                }
            }
            #expect(refusals == 5)
            try await first.ping()
            await second.close()
            // The server sees the end a moment later.
            var third: EmbeddingClient?
            for _ in 0..<100 where third == nil {
                third = try? await server.connect()
                if third == nil { try await Task.sleep(for: .milliseconds(20)) }
            }
            try await #require(third).ping()
            await third?.close()
            await first.close()
        }
    }
}
