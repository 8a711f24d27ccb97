/// How the lines of a click log are to be read.
public enum LogFormat: Sendable, Hashable {
    /// Criteo Display Advertising Challenge (Kaggle, 2014): tab separated, no header, the label,
    /// 13 numbers I1…I13 and 26 ids C1…C26. A header line that begins with `label` is skipped.
    case criteo
    /// Avazu CTR Prediction (Kaggle, 2014): comma separated, `id,click,hour,C1,…,C21`, with or
    /// without its header. The row's `id` is ignored; of `hour` (YYMMDDHH) the hour of the day
    /// is kept, because a day does not come again.
    case avazu
    /// `label field:index:value …` (Juan et al., Field-aware factorization machines, RecSys 2016).
    /// A row may have several features in a field. Without a number of fields the files are read
    /// once to find it.
    case libffm(fields: Int? = nil)
    /// `label index:value …` (Chang and Lin, LIBSVM, 2001). The format has no fields; the place in
    /// the line is the field, as in the LIBSVM files of the CTR literature, which have one
    /// feature a field in every row. Without a number of fields it is that of the first row.
    case libsvm(fields: Int? = nil)
    /// Columns with names in the first line, separated by commas, tabs or semicolons, whichever
    /// comes first in it. Values may be quoted as in RFC 4180, but not over several lines.
    case csv(CSVColumns)
}
