/// How the rows of a pull or pool come back.
package struct RowDelivery: Hashable, Sendable {
    package var format: RowFormat
    /// Where they are placed in the memory that is shared, in bytes from its start; nil where they come
    /// in the reply.
    package var place: UInt64?

    package init(format: RowFormat, place: UInt64? = nil) {
        self.format = format
        self.place = place
    }
}
