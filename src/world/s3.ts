// Storage of objects by key, as S3 offers it: many machines reach the same.

/** Why there is no answer: nobody reached it, or it refused. */
export class S3Error extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'S3Error'
  }
}

export interface S3 {
  /** Durable when it resolves. @throws S3Error */
  put(key: string, content: Uint8Array): Promise<void>
  /** Undefined: there is none. @throws S3Error */
  get(key: string): Promise<Buffer | undefined>
  /** Idempotent. @throws S3Error */
  remove(key: string): Promise<void>
}
