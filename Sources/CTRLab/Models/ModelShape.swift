/// The shape of what a model sees and answers.
struct ModelShape {
    /// Fields of ids.
    var idFields: Int
    /// Fields of numbers that have an embedding: one for all with DLRM's network, one for each
    /// with AutoDis.
    var numberFields = 0
    var hasNumberVector = false
    /// Floats of an embedding.
    var dimension: Int
    /// Numbers that come as they are.
    var numbers: Int
    var labels: Int

    /// Fields with an embedding.
    var fields: Int { idFields + numberFields }

    /// Columns of the embeddings and numbers side by side.
    var flatColumns: Int { fields * dimension + numbers }
}
