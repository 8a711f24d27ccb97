import ArgumentParser
import EmbeddingClient
import EmbeddingServer
import EmbeddingStore
import EmbeddingWire
import Testing

@testable import thermocline

@Suite struct FailureTests {
    @Test func everyErrorHasAStatus() {
        func status(_ error: any Error) -> Failure.Status? { Failure(error)?.status }
        #expect(status(WireError(.unknownTable, "")) == .badData)
        #expect(status(WireError(.tableExists, "")) == .cannotCreate)
        #expect(status(WireError(.cannotCreate, "")) == .cannotCreate)
        #expect(status(WireError(.storageFailed, "")) == .inputOutput)
        #expect(status(WireError(.storageFull, "")) == .inputOutput)
        #expect(status(StoreError.storageFull("")) == .inputOutput)
        #expect(status(WireError(.overloaded, "")) == .unreachable)
        #expect(status(WireError(.readOnly, "")) == .configuration)
        #expect(status(WireError(.internal, "")) == .defect)
        #expect(status(WireError(ErrorCode(rawValue: 999), "")) == .defect)
        #expect(status(ConnectionError.timedOut) == .unreachable)
        #expect(
            status(ConnectionError.refused(WireError(.tooManyConnections, ""))) == .unreachable)
        #expect(status(ConnectionError.refused(WireError(.unauthorized, ""))) == .configuration)
        #expect(status(ConnectionError.tlsFailed(reason: "")) == .configuration)
        #expect(status(BadAccess.unusedCertificate) == .configuration)
        #expect(throws: UnusableFile.self) { try AccessToken(file: "/no/such/file") }
        do { _ = try AccessToken(file: "/") } catch { #expect(status(error) == .configuration) }
        #expect(status(Failure(.usage, "")) == .usage)
        struct Unheard: Error {}
        #expect(status(Unheard()) == .defect)
        #expect(status(ValidationError("for the parser")) == nil)
        #expect(status(CleanExit.message("done")) == nil)
    }

    @Test func theServerComesFromTheOptionOrTheEnvironment() throws {
        let given = try ServerChoice.parse(["--server", "tcp:h:1"])
        let none = try ServerChoice.parse([])
        let environment = [ServerChoice.variable: "unix:/s"]
        #expect(try given.address(environment: environment) == .tcp(host: "h", port: 1))
        #expect(try none.address(environment: environment) == .unix(path: "/s"))
        func status(_ options: ServerChoice, _ environment: [String: String]) -> Failure.Status? {
            let error = #expect(throws: Failure.self) {
                try options.address(environment: environment)
            }
            return error?.status
        }
        #expect(status(none, [:]) == .usage)
        #expect(status(none, [ServerChoice.variable: ""]) == .usage)
        #expect(status(none, [ServerChoice.variable: "x"]) == .configuration)
        #expect(status(try ServerChoice.parse(["--server", "x"]), environment) == .usage)
    }

    @Test(arguments: [
        ["table", "create", "t", "--optimizer", "x"], ["table", "create", "t", "--hot", "int4"],
        ["table", "create"], ["table", "create", "t", "--dim", "-1"], ["stats", "--watch", "0"],
        ["bench", "--batch", "0"], ["bench", "--seconds", "1", "--requests", "1"],
        ["bench", "--requests", "0"], ["bench", "--mix", "x:1"], ["bench", "--warmup", "-1"],
        ["bench", "--format", "int8"], ["nonsense"], ["stats", "--tls-key", "k"],
        ["serve", "--data", "d", "--socket-mode", "888"],
        ["serve", "--data", "d", "--socket-mode", "1600"],
        ["serve", "--data", "d", "--socket-mode", "-1"],
        ["serve", "--data", "d", "--tls-key", "k"],
        ["serve", "--data", "d", "--tls-client-ca", "c"],
    ])
    func badArgumentsAreUsage(arguments: [String]) {
        let error = #expect(throws: (any Error).self) {
            try Thermocline.parseAsRoot(arguments)
        }
        #expect(error.map { Thermocline.exitCode(for: $0).rawValue } == 64)
        #expect(error.map { Failure($0) == nil } == true)
    }

    @Test func aSchemaIsReadFromArguments() throws {
        let options = try SchemaOptions.parse([
            "--dim", "8", "--optimizer", "sgd:lr=1", "--initializer", "zeros", "--hot", "int8",
            "--cold", "float16", "--scheme", "frequency-filtered:admit-after=4", "--seed", "9",
        ])
        #expect(
            options.schema
                == TableSchema(
                    dimension: 8, hot: .int8, cold: .float16, optimizer: .sgd(learningRate: 1),
                    initializer: .zeros, scheme: .frequencyFiltered(), admissionCount: 4, seed: 9))
        #expect(try SchemaOptions.parse([]).schema == TableSchema(dimension: 16))
    }
}
