import Foundation
import Fuzzing
import Testing

/// Mutated requests to a server; `tools/fuzz-server` sends millions of them.
@Suite struct ServerFuzzTests {
    @Test func everyMutatedRequestIsAnswered() async throws {
        let variables = ProcessInfo.processInfo.environment
        try await TestServer.with(memoryBytes: 4 << 20) { server in
            var options = ServerFuzz.Options(
                address: server.address,
                frames: variables["THERMOCLINE_FUZZ_CASES"].flatMap(Int.init) ?? 20_000)
            options.connections = 2
            if let seed = variables["THERMOCLINE_FUZZ_SEED"].flatMap(UInt64.init) {
                options.seed = seed
            }
            let done = try await ServerFuzz(options).run { _ in }
            #expect(done.frames == options.frames)
            // Most are refused, and some are still sound.
            #expect(done.refusals > done.frames / 20)
            #expect(done.refusals < done.frames)
        }
    }
}
