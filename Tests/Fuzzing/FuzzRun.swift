internal import Foundation

/// One reader of bytes under mutated input.
///
/// | variable | meaning |
/// | --- | --- |
/// | `THERMOCLINE_FUZZ_CASES` | how many inputs; without it a number for a few seconds |
/// | `THERMOCLINE_FUZZ_SEED` | what they are drawn from; without it the same every time |
/// | `THERMOCLINE_FUZZ_INPUT` | a file: this input only |
///
/// Every input lies in a file before it is read, so that it is still there after a crash; the file's
/// name begins with `thermocline-fuzz-NAME` in the temporary folder. Put what was found into
/// `Tests/Corpus/NAME`: those files are read first, and mutated like the seeds.
package struct FuzzRun {
    /// What an input did that none may do.
    package struct Failure: Error, CustomStringConvertible {
        let name: String
        let seed: UInt64
        let number: Int
        let input: [UInt8]
        let reason: String

        package var description: String {
            """
            \(name), seed \(seed), input \(number): \(reason)
            \(Data(input).base64EncodedString())
            """
        }
    }

    private let name: String
    private let seeds: [[UInt8]]
    private let cases: Int
    private let seed: UInt64
    private let onlyInput: [UInt8]?

    /// - Parameters:
    ///   - name: of the reader, and of its folder in the corpus.
    ///   - seeds: sound inputs; at least one, here or in the corpus.
    ///   - cases: how many inputs without a variable that says so.
    package init(_ name: String, seeds: [[UInt8]], cases: Int = 20_000) throws {
        let variables = ProcessInfo.processInfo.environment
        self.name = name
        self.seeds = seeds + (try Self.corpus(name))
        self.cases = variables["THERMOCLINE_FUZZ_CASES"].flatMap(Int.init) ?? cases
        seed = variables["THERMOCLINE_FUZZ_SEED"].flatMap(UInt64.init) ?? 20_261_122
        onlyInput = try variables["THERMOCLINE_FUZZ_INPUT"].map {
            Array(try Data(contentsOf: URL(fileURLWithPath: $0)))
        }
        precondition(!self.seeds.isEmpty, "nothing to mutate")
    }

    /// What was kept of a reader's inputs, by name.
    private static func corpus(_ name: String) throws -> [[UInt8]] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Corpus").appending(path: name)
        guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map {
            Array(try Data(contentsOf: folder.appending(path: $0)))
        }
    }

    /// Reads the seeds as they are, then mutated.
    ///
    /// - Parameters:
    ///   - isText: whether most inputs keep their form and get other numbers only.
    ///   - repair: makes lengths and checksums true again; called for most inputs, not for all.
    ///   - body: whether the reader accepted an input; throws, with what is wrong, if it did
    ///     anything but accept or refuse.
    /// - Throws: ``Failure``, also when less than one in a hundred was accepted or none refused:
    ///   such inputs test nothing.
    package func run(
        isText: Bool = false, repair: (inout [UInt8]) -> Void = { _ in },
        _ body: ([UInt8]) throws -> Bool
    ) throws {
        let witness = try InputFile(name)
        if let onlyInput {
            _ = try read(onlyInput, number: -1, witness, body)
        } else {
            for (number, input) in seeds.enumerated() {
                _ = try read(input, number: number - seeds.count, witness, body)
            }
            var accepted = 0
            var random = SeededRandom(seed: seed)
            for number in 0..<cases {
                var input = seeds[random.below(seeds.count)]
                let other = seeds[random.below(seeds.count)]
                if isText, !random.oneIn(4) {
                    Mutator.mutateNumbers(&input, using: &random)
                } else {
                    Mutator.mutate(&input, other: other, using: &random)
                }
                if !random.oneIn(4) { repair(&input) }
                if try read(input, number: number, witness, body) { accepted += 1 }
            }
            if accepted * 100 < cases || accepted == cases {
                throw Failure(
                    name: name, seed: seed, number: cases, input: [],
                    reason: "\(accepted) of \(cases) inputs were accepted")
            }
        }
        witness.remove()
    }

    private func read(
        _ input: [UInt8], number: Int, _ witness: InputFile, _ body: ([UInt8]) throws -> Bool
    ) throws -> Bool {
        witness.hold(input)
        do {
            return try body(input)
        } catch {
            throw Failure(
                name: name, seed: seed, number: number, input: input, reason: "\(error)")
        }
    }
}

/// The input that is being read, in a file that outlives a crash without a system call for each.
private final class InputFile {
    private let path: String
    private let descriptor: Int32
    private var size = 0
    private var bytes: UnsafeMutableRawPointer?

    init(_ name: String) throws {
        // Tests run beside each other.
        path = NSTemporaryDirectory() + "thermocline-fuzz-\(name)-\(UUID().uuidString.prefix(8))"
        descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    }

    deinit {
        if let bytes { munmap(bytes, size) }
        close(descriptor)
    }

    /// The file is as long as the input: cut for a shorter one, with its mapping.
    func hold(_ input: [UInt8]) {
        if input.count != size {
            if let bytes { munmap(bytes, size) }
            bytes = nil
            size = input.count
            guard ftruncate(descriptor, off_t(size)) == 0 else { fatalError("\(path): \(errno)") }
            if size > 0 {
                bytes = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
                if bytes == MAP_FAILED { fatalError("\(path): \(errno)") }
            }
        }
        input.withUnsafeBytes { bytes?.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    }

    func remove() { unlink(path) }
}

/// What an input did wrong, in a test's words.
package struct Broken: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
