// A stream whose bytes are deflated both ways (RFC 4978, RFC 1951). Each write is flushed, so that it can be read at once.
// What comes is inflated in slices: the most that a client's bytes can become is a thousand times a slice, however many
// it sends. Windows are small on our side, because thousands of connections wait with theirs.

import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib'
import { NetworkError, type Stream, type TlsClientSide, type TlsInfo, type TlsServerSide } from '../world/network.ts'

const SLICE_BYTES = 1_024
const WINDOW_BITS = 12
const MEMORY_LEVEL = 5

export class DeflateStream implements Stream {
  readonly #inner: Stream
  readonly #deflate = createDeflateRaw({ windowBits: WINDOW_BITS, memLevel: MEMORY_LEVEL })
  readonly #inflate = createInflateRaw()
  #deflated: Buffer[] = []
  #inflated: Buffer[] = []
  /** Bytes that came and were not inflated yet. */
  #waiting: Uint8Array = Buffer.alloc(0)
  #broken: Error | undefined
  /** Writes keep their order. */
  #lastWrite: Promise<unknown> = Promise.resolve()

  constructor(inner: Stream) {
    this.#inner = inner
    this.#deflate.on('data', (chunk: Buffer) => this.#deflated.push(chunk))
    this.#inflate.on('data', (chunk: Buffer) => this.#inflated.push(chunk))
    for (const side of [this.#deflate, this.#inflate]) {
      side.on('error', (error) => {
        this.#broken = error
      })
    }
  }

  get local() {
    return this.#inner.local
  }

  get remote() {
    return this.#inner.remote
  }

  get tls() {
    return this.#inner.tls
  }

  async read(timeoutMs?: number): Promise<Uint8Array | null> {
    for (;;) {
      if (this.#waiting.length === 0) {
        const chunk = await this.#inner.read(timeoutMs)
        if (chunk === null) return null
        this.#waiting = chunk
      }
      const slice = this.#waiting.subarray(0, SLICE_BYTES)
      this.#waiting = this.#waiting.subarray(slice.length)
      await this.#through((done) => this.#inflate.write(slice, done), this.#inflate)
      const bytes = Buffer.concat(this.#inflated.splice(0))
      if (bytes.length > 0) return bytes
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    const written = this.#lastWrite.then(async () => {
      await this.#through((done) => {
        this.#deflate.write(bytes)
        this.#deflate.flush(constants.Z_SYNC_FLUSH, done)
      }, this.#deflate)
      await this.#inner.write(Buffer.concat(this.#deflated.splice(0)))
    })
    this.#lastWrite = written.catch(() => undefined)
    return written
  }

  /** Waits until the work is done, or the data turned out to be none. */
  #through(
    work: (done: () => void) => void,
    side: {
      once(event: 'error', then: () => void): unknown
      removeListener(event: 'error', then: () => void): unknown
    },
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (): void => reject(new NetworkError('reset', 'The peer sent what is not deflated.'))
      if (this.#broken) return fail()
      side.once('error', fail)
      work(() => {
        side.removeListener('error', fail)
        if (this.#broken) fail()
        else resolve()
      })
    })
  }

  end(): void {
    void this.#lastWrite.then(() => {
      this.#inner.end()
      this.#close()
    })
  }

  destroy(): void {
    this.#inner.destroy()
    this.#close()
  }

  #close(): void {
    this.#deflate.close()
    this.#inflate.close()
  }

  startTls(_: TlsServerSide | TlsClientSide): Promise<TlsInfo> {
    return Promise.reject(new NetworkError('tls', 'TLS comes before compression (RFC 4978 §2).'))
  }
}
