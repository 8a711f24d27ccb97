public import ArgumentParser
internal import Foundation
public import RowFiles

extension RowFileFormat: ExpressibleByArgument {}
extension RowElement: ExpressibleByArgument {}

extension RowFileFormat {
    /// The format that was asked for, or that the file's name asks for; `npy` is a folder's.
    static func of(_ path: String, _ asked: RowFileFormat?) throws -> RowFileFormat {
        if let format = asked ?? RowFileFormat(path: path) { return format }
        guard FileManager.default.fileExists(atPath: path + "/ids.npy") else {
            throw Failure(
                .usage,
                "\(path) does not say its format; give --format "
                    + allCases.map(\.rawValue).joined(separator: ", "))
        }
        return .npy
    }
}
