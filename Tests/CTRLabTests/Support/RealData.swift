import Foundation
import Testing

/// Data that may not be given away: the variable THERMOCLINE_DATA names the folder that has it.
enum RealData {
    /// A file of the folder; nil, said aloud, where there is none.
    static func path(_ name: String) -> String? {
        guard let folder = ProcessInfo.processInfo.environment["THERMOCLINE_DATA"] else {
            FileHandle.standardError.write(
                Data("SKIPPED: set THERMOCLINE_DATA to the folder that has \(name)\n".utf8))
            return nil
        }
        let path = URL(filePath: folder).appending(path: name).path
        guard FileManager.default.fileExists(atPath: path) else {
            FileHandle.standardError.write(Data("SKIPPED: there is no \(path)\n".utf8))
            return nil
        }
        return path
    }
}
