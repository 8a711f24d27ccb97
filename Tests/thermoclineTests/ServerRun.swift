import Foundation

/// `thermocline serve`, on a folder of its own.
struct ServerRun {
    let folder: URL
    let address: String
    private let process: Process
    private let addressFile: URL

    /// All addresses that it listens on: the one above, then those of its arguments.
    var addresses: [String] {
        get throws {
            try String(contentsOf: addressFile, encoding: .utf8).split(separator: "\n").map(
                String.init)
        }
    }

    /// Starts a server and waits until it listens.
    init(_ arguments: [String] = [], folder given: URL? = nil) async throws {
        folder = try given ?? CommandLineRun.makeFolder()
        let ready = folder.appending(path: "ready")
        address = "unix:" + folder.appending(path: "s").path
        let data = folder.appending(path: "data").path
        addressFile = ready
        process = try CommandLineRun.process(
            ["serve", "--data", data, "--listen", address, "--ready-file", ready.path]
                + arguments,
            server: nil, output: folder.appending(path: "output"),
            messages: folder.appending(path: "messages"))
        try process.run()
        while !FileManager.default.fileExists(atPath: ready.path) {
            guard process.isRunning else {
                let messages = folder.appending(path: "messages")
                throw Ended(messages: try String(contentsOf: messages, encoding: .utf8))
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Asks the server to stop, and waits until it has.
    func stop() async throws {
        process.terminate()
        while process.isRunning { try await Task.sleep(for: .milliseconds(20)) }
    }

    /// Stops the server and removes its folder.
    func remove() async throws {
        try await stop()
        try FileManager.default.removeItem(at: folder)
    }

    /// The server ended before it listened.
    struct Ended: Error {
        var messages: String
    }
}
