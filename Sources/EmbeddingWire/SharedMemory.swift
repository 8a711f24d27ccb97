/// How a client finds the memory that a server made for the rows of its replies: a file of so many
/// bytes without a name, which the server has open.
package struct SharedMemory: Hashable, Sendable {
    package var byteCount: UInt64
    /// Of the file, to know it by.
    package var inode: UInt64
    /// Of the server's process, whose number the socket tells.
    package var descriptor: UInt32

    static let encodedBytes = 24
    /// What is left when a client has let go of it.
    package static let none = SharedMemory(byteCount: 0, inode: 0, descriptor: 0)
    /// What the place of a reply is a multiple of.
    package static let alignment = 64

    package init(byteCount: UInt64, inode: UInt64, descriptor: UInt32) {
        self.byteCount = byteCount
        self.inode = inode
        self.descriptor = descriptor
    }
}
