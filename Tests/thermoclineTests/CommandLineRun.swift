import Foundation

/// The command as it is built, run as its users run it.
struct CommandLineRun {
    let status: Int32
    let output: String
    let messages: String

    /// Runs `thermocline` with `arguments` and waits for its end.
    ///
    /// - Parameters:
    ///   - server: for the variable `THERMOCLINE_SERVER`; none leaves it out.
    ///   - tokenFile: for the variable `THERMOCLINE_TOKEN_FILE`, likewise.
    init(_ arguments: [String], server: String? = nil, tokenFile: String? = nil) async throws {
        let folder = try Self.makeFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        // Files and not pipes: nothing has to be read while the command runs.
        let output = folder.appending(path: "output")
        let messages = folder.appending(path: "messages")
        let process = try Self.process(
            arguments, server: server, tokenFile: tokenFile, output: output, messages: messages)
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in done.resume() }
            do { try process.run() } catch { done.resume(throwing: error) }
        }
        status = process.terminationStatus
        self.output = try String(contentsOf: output, encoding: .utf8)
        self.messages = try String(contentsOf: messages, encoding: .utf8)
    }

    /// A new folder in the temporary one; short, because sockets in it have short paths.
    static func makeFolder() throws -> URL {
        let name = "tcl-\(String(UInt32.random(in: 0...UInt32.max), radix: 36))"
        let folder = FileManager.default.temporaryDirectory.appending(path: name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        return folder
    }

    /// The command, not started yet.
    static func process(
        _ arguments: [String], server: String?, tokenFile: String? = nil, output: URL,
        messages: URL
    ) throws -> Process {
        let process = Process()
        // Beside the tests' own executable.
        process.executableURL = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appending(path: "thermocline")
        process.arguments = arguments
        var environment = ProcessInfo.processInfo.environment
        environment["THERMOCLINE_SERVER"] = server
        environment["THERMOCLINE_TOKEN_FILE"] = tokenFile
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try handle(output)
        process.standardError = try handle(messages)
        return process
    }

    private static func handle(_ file: URL) throws -> FileHandle {
        try Data().write(to: file)
        return try FileHandle(forWritingTo: file)
    }

    /// The output as a JSON object.
    func json() throws -> [String: Any] {
        let value = try JSONSerialization.jsonObject(with: Data(output.utf8))
        guard let object = value as? [String: Any] else { throw CocoaError(.coderInvalidValue) }
        return object
    }
}
