/// The files that rows are exchanged in.
public enum RowFileFormat: String, Sendable, CaseIterable {
    /// Tensors `ids` (U64 [n]; I64 is read too) and `rows` (F32 or F16 [n, dimension]).
    case safetensors
    /// A folder with `ids.npy` (u8 [n]; i8 is read too) and `rows.npy` (f4 or f2 [n, dimension]).
    case npy
    /// Text: a line `n dimension`, then `word v1 … vd` for each row.
    case word2vec
    /// Text: `id,v0,…` for each row; the first line may name the columns.
    case csv

    /// The format that a file's name asks for, nil when it does not say.
    public init?(path: String) {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        switch name.split(separator: ".", omittingEmptySubsequences: false).dropFirst().last {
        case "safetensors": self = .safetensors
        case "npy": self = .npy
        case "vec", "word2vec", "w2v", "txt": self = .word2vec
        case "csv": self = .csv
        default: return nil
        }
    }
}

/// How the floats of a row are written by the formats that have a choice.
public enum RowElement: String, Sendable, CaseIterable {
    case float32, float16

    var byteCount: Int { self == .float32 ? 4 : 2 }
}

/// What the ids of a text file are.
public enum TextIDs: Sendable, Hashable {
    /// Decimal numbers.
    case numbers
    /// Strings, which ``StringID`` makes ids of.
    case strings(StringID.Field?)
}
