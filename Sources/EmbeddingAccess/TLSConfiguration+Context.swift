internal import NIOSSL

extension TLSConfiguration {
    /// What connections are made with. All files have been read and are sound by themselves.
    ///
    /// - Parameter certificate: the path of our own, for the error; nil where we have none.
    func context(certificate: String?, key: String?) throws(UnusableFile) -> NIOSSLContext {
        do {
            return try NIOSSLContext(configuration: self)
        } catch {
            guard let certificate else {
                throw UnusableFile("the system's root certificates", "\(error)")
            }
            throw UnusableFile(
                key ?? certificate, "the key does not belong to the certificate in \(certificate)")
        }
    }
}
