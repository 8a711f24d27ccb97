internal import ArgumentParser
internal import CTRLab
internal import EmbeddingAccess
internal import EmbeddingClient
internal import EmbeddingServer
internal import EmbeddingStore
internal import EmbeddingWire
internal import Foundation
internal import NIOCore
internal import RowFiles

/// How a command ends that could not do its work: a message for a person and an exit status.
struct Failure: Error {
    /// Exit statuses, as in `sysexits.h`.
    enum Status: Int32 {
        case usage = 64
        case badData = 65
        case unreachable = 69
        case defect = 70
        case cannotCreate = 73
        case inputOutput = 74
        case configuration = 78
    }

    var status: Status
    var message: String

    init(_ status: Status, _ message: String) {
        self.status = status
        self.message = message
    }

    /// What `error` means to whoever runs the command; none for an error of the argument parser.
    init?(_ error: any Error) {
        switch error {
        case let failure as Failure:
            self = failure
        case let error as WireError:
            self.init(Self.status(of: error.code), "\(error)")
        case let error as ConnectionError:
            self.init(Self.status(of: error), "\(error)")
        case let error as UnusableFile:
            self.init(.configuration, "\(error)")
        case let error as BadAccess:
            self.init(.configuration, "\(error)")
        case let error as StoreError:
            self.init(Self.status(of: error), "\(error)")
        case let error as CTRLabError:
            self.init(Self.status(of: error), "\(error)")
        case let error as RowFileError:
            self.init(Self.status(of: error), "\(error)")
        case let error as CannotListen:
            self.init(.cannotCreate, "\(error)")
        case let error as ServerAddress.Malformed:
            self.init(.usage, "\(error)")
        case let error as IOError:
            self.init(.inputOutput, "\(error)")
        case let error as CocoaError:
            self.init(.inputOutput, error.localizedDescription)
        default:
            guard Thermocline.exitCode(for: error).rawValue == EXIT_FAILURE else { return nil }
            self.init(.defect, "\(error)")
        }
    }

    /// A server that is there and does not let us in will not do so later either.
    private static func status(of error: ConnectionError) -> Status {
        switch error {
        case .refused(let refusal) where refusal.code == .unauthorized: .configuration
        case .tlsFailed: .configuration
        default: .unreachable
        }
    }

    private static func status(of code: ErrorCode) -> Status {
        switch code {
        case .unknownTable, .dimensionMismatch, .nonFinite, .tooLarge, .tooManyIds,
            .invalidSchema:
            .badData
        case .unsupportedVersion, .overloaded, .shuttingDown, .tooManyConnections:
            .unreachable
        case .tableExists, .cannotCreate: .cannotCreate
        case .storageFailed, .storageFull, .damaged: .inputOutput
        case .readOnly, .unauthorized, .unsupported: .configuration
        default: .defect
        }
    }

    /// Of a store that a command opens itself.
    private static func status(of error: StoreError) -> Status {
        switch error {
        case .unknownTable, .dimensionMismatch, .nonFinite, .malformed, .tooLarge, .invalidSchema,
            .damaged:
            .badData
        case .tableExists, .cannotCreate: .cannotCreate
        case .storageFailed, .storageFull: .inputOutput
        case .inUse, .badDataDirectory, .unsupported, .readOnly: .configuration
        case .overloaded, .closed: .defect
        }
    }

    /// Of a click log, or of settings that do not fit it.
    private static func status(of error: CTRLabError) -> Status {
        switch error {
        case .badInput: .badData
        case .unreadable: .inputOutput
        case .cannotWrite: .cannotCreate
        case .badSettings: .usage
        }
    }

    /// Of a file of rows.
    private static func status(of error: RowFileError) -> Status {
        switch error {
        case .malformed: .badData
        case .unreadable: .inputOutput
        case .exists, .cannotWrite: .cannotCreate
        }
    }

    /// Prints the message and ends the process.
    func exit() -> Never {
        StandardError.write("thermocline: \(message)\n")
        Foundation.exit(status.rawValue)
    }
}
