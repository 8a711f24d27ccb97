// A user of the client names tokens, schemas, addresses and error codes: they come with it.
@_exported public import EmbeddingAccess
@_exported public import EmbeddingWire
