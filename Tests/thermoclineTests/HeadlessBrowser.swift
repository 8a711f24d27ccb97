import Foundation

/// Chromium, where it is installed.
struct HeadlessBrowser {
    private let program: URL

    /// Nil, said aloud, where there is none.
    init?() {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let names = ["chromium", "chromium-browser", "google-chrome", "headless_shell"]
        let candidates = path.split(separator: ":").flatMap { folder in
            names.map { URL(filePath: String(folder)).appending(path: $0) }
        }
        guard
            let program = candidates.first(where: {
                FileManager.default.isExecutableFile(atPath: $0.path)
            })
        else {
            FileHandle.standardError.write(
                Data("SKIPPED: no Chromium on the PATH; apt-get install chromium\n".utf8))
            return nil
        }
        self.program = program
    }

    /// The document as its scripts have left it.
    ///
    /// - Parameter folder: where the browser may write.
    func document(_ page: URL, folder: URL) async throws -> String {
        let output = folder.appending(path: "document.html")
        try Data().write(to: output)
        let process = Process()
        process.executableURL = program
        process.arguments = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--user-data-dir=\(folder.appending(path: "profile").path)",
            "--virtual-time-budget=5000", "--dump-dom", page.absoluteString,
        ]
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: output)
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in done.resume() }
            do { try process.run() } catch { done.resume(throwing: error) }
        }
        return try String(contentsOf: output, encoding: .utf8)
    }
}
