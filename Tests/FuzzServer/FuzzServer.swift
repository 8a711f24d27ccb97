import ArgumentParser
import EmbeddingWire
import Foundation
import Fuzzing

/// Sends mutated requests to a server that it starts, or to one that runs.
@main
struct FuzzServer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tools/fuzz-server",
        abstract: "Sends mutated requests to a server and looks at every reply.",
        discussion: """
            Fails when the server ends, ends a connection whose frames were sound, does not answer \
            for a minute, sends what cannot be read, changes a table that no request named, or \
            does not come to rest in memory.
            """)

    @Option(help: "The server's program, which is started in a folder of its own.")
    var binary: String?

    @Option(help: "A server that runs, in place of one that is started; it gets tables.")
    var server: String?

    @Option(help: "How many frames.")
    var frames = 10_000_000

    @Option(help: "How many connections.")
    var connections = 4

    @Option(help: "What everything is drawn from (default: any).")
    var seed: UInt64 = .random(in: 0...UInt64(UInt32.max))

    @Option(help: "The most mebibytes that the server may have resident.")
    var residentMax = 512

    @Option(help: "The hot tier's memory of a server that is started.")
    var memory = "16MiB"

    @Option(name: .customLong("serve-option"), help: "Another option of serve; may come again.")
    var serveOptions: [String] = []

    func validate() throws {
        guard (binary == nil) != (server == nil) else {
            throw ValidationError("Give --binary or --server.")
        }
        guard frames > 0, connections > 0 else {
            throw ValidationError("--frames and --connections are at least 1.")
        }
    }

    func run() async throws {
        say("seed \(seed)")
        if let server {
            try await fuzz(ServerAddress(parsing: server), process: nil)
            return
        }
        // A socket's path must be short.
        let folder = "/tmp/tc-fuzz-\(ProcessInfo.processInfo.processIdentifier)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let process = try await start(folder)
        do {
            try await fuzz(.unix(path: folder + "/s"), process: process.processIdentifier)
        } catch {
            let ended = !process.isRunning
            process.terminate()
            process.waitUntilExit()
            say(
                ended
                    ? "the server ended by itself, status \(process.terminationStatus)"
                    : "the server was still there")
            say("its messages and data are in \(folder)")
            throw error
        }
        process.terminate()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            say("the server stopped with status \(process.terminationStatus); see \(folder)")
            throw ExitCode.failure
        }
        try FileManager.default.removeItem(atPath: folder)
    }

    private func start(_ folder: String) async throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: binary!)  // validated
        process.arguments =
            [
                "serve", "--data", folder + "/data", "--listen", "unix:\(folder)/s", "--memory",
                memory,
                "--frame-bytes-max", "1MiB", "--ids-max", "4096", "--ready-file", folder + "/ready",
            ] + serveOptions
        _ = FileManager.default.createFile(atPath: folder + "/log", contents: nil)
        let log = try FileHandle(forWritingTo: URL(fileURLWithPath: folder + "/log"))
        process.standardOutput = log
        process.standardError = log
        try process.run()
        while !FileManager.default.fileExists(atPath: folder + "/ready") {
            guard process.isRunning else {
                say(try String(contentsOfFile: folder + "/log", encoding: .utf8))
                throw ExitCode.failure
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        return process
    }

    private func fuzz(_ address: ServerAddress, process: Int32?) async throws {
        var options = ServerFuzz.Options(address: address, frames: frames)
        options.connections = connections
        options.seed = seed
        options.process = process
        options.residentBytesMax = residentMax << 20
        let done: ServerFuzz.Progress
        do {
            done = try await ServerFuzz(options).run { say(line($0)) }
        } catch let error as ServerFuzz.Failed {
            say("failed, seed \(seed): \(error)")
            throw ExitCode.failure
        }
        print("passed, seed \(seed): \(line(done))")
    }
}

private func line(_ progress: ServerFuzz.Progress) -> String {
    let rate = progress.seconds > 0 ? Double(progress.frames) / progress.seconds : 0
    let resident = progress.residentBytes.map { ", \($0 >> 20) MiB resident" } ?? ""
    return "\(progress.frames) frames, \(Int(rate)) a second, \(progress.refusals) refused, "
        + "\(progress.connections) connections\(resident), \(Int(progress.seconds)) s"
}

private func say(_ message: String) {
    FileHandle.standardError.write(Data((message + "\n").utf8))
}
