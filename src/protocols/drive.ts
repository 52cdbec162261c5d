// Performs a Dialogue's effects on a stream and a store: the one place where IMAP and POP3 meet I/O.
// Never throws: whatever breaks ends the session. A client that does not read is dropped after a while, so that a
// connection holds no more than one answer's piece.

import type { AccountId } from '../store/nouns/people.ts'
import type { Store } from '../store/store.ts'
import { DiskError } from '../world/disk.ts'
import type { Stream, TlsIdentity, TlsInfo } from '../world/network.ts'
import { NetworkError } from '../world/network.ts'
import type { World } from '../world/world.ts'
import { DeflateStream } from './deflate-stream.ts'
import type { Dialogue, Effect, ReadOutcome } from './dialogue.ts'
import type { SaslAccounts } from './sasl/accounts.ts'

export interface DriveContext {
  readonly stream: Stream
  readonly store: Store
  readonly accounts: SaslAccounts
  readonly tlsIdentity: TlsIdentity | undefined
  readonly world: Pick<World, 'clock'>
  /** A client that takes no bytes for this long is dropped. */
  readonly writeTimeoutMs: number
  /** A bug of ours: the session was ended for it. */
  readonly report?: (error: unknown) => void
}

/** Runs the dialogue to its end, then closes the stream. */
export async function drive(dialogue: Dialogue, context: DriveContext): Promise<void> {
  const performer = new Performer(context)
  try {
    let step = dialogue.next()
    while (!step.done) step = dialogue.next(await performer.perform(step.value))
    performer.stream.end()
  } catch (error) {
    if (!(error instanceof NetworkError)) context.report?.(error)
    performer.stream.destroy()
  } finally {
    performer.stop()
  }
}

/** How a read ended; bytes are null when the client has closed. */
type Arrived = { readonly bytes: Uint8Array | null } | { readonly error: unknown }

class Performer {
  readonly #context: DriveContext
  /** The stream as it is now: deflated, after COMPRESS. */
  stream: Stream
  /** A stream allows one read at a time, and IDLE stops waiting without it: it goes on, and its outcome is kept. */
  #isReading = false
  #arrived: Arrived | undefined
  #changed = false
  #wake: (() => void) | undefined
  readonly #watched = new Map<AccountId, () => void>()

  constructor(context: DriveContext) {
    this.#context = context
    this.stream = context.stream
  }

  stop(): void {
    this.#watch([])
  }

  #watch(accounts: readonly AccountId[]): void {
    for (const [account, unwatch] of this.#watched) {
      if (accounts.includes(account)) continue
      unwatch()
      this.#watched.delete(account)
    }
    for (const account of accounts) {
      if (this.#watched.has(account)) continue
      const noticed = (): void => {
        this.#changed = true
        this.#wake?.()
      }
      this.#watched.set(account, this.#context.store.watch(account, noticed))
    }
  }

  async perform(effect: Effect): Promise<unknown> {
    const { store, accounts, world } = this.#context
    switch (effect.kind) {
      case 'read':
        return this.#read(effect.timeoutMs, effect.orChange)
      case 'send':
        return this.#write(effect.chunks)
      case 'commit':
        return orRefusal(() => store.commit(effect.batch))
      case 'put-blobs':
        return orRefusal(() => Promise.all(effect.contents.map((content) => store.putBlob([content]))))
      case 'read-blobs':
        return Promise.all(effect.requests.map(({ ref, range }) => store.readBlob(ref, range).catch(() => undefined)))
      case 'may-hold':
        return store.mayHold(effect.account, effect.text, effect.isBody)
      case 'check-password':
        return accounts.checkPassword(effect.user, effect.password, this.#context.stream.remote.address)
      case 'scram-credentials':
        return accounts.scramCredentials(effect.user, this.#context.stream.remote.address)
      case 'check-token':
        return accounts.checkToken!(effect.user, effect.token, this.#context.stream.remote.address)
      case 'certificate-holder': {
        const { certificate, user } = effect
        const from = this.#context.stream.remote.address
        return accounts.certificateHolder?.(certificate, user, from) ?? { state: 'refused' }
      }
      case 'signed-in':
        return accounts.signedIn?.(store.account(effect.account)!.address, this.#context.stream.remote.address)
      case 'signed-out':
        return accounts.signedOut?.()
      case 'watch':
        return this.#watch(effect.accounts)
      case 'compress':
        return this.#compress()
      case 'start-tls':
        return this.#startTls()
      case 'pause':
        return world.clock.sleep(0)
      case 'delay':
        return world.clock.sleep(effect.delayMs)
    }
  }

  async #read(timeoutMs: number, orChange: boolean): Promise<ReadOutcome> {
    if (!this.#isReading && this.#arrived === undefined) this.#beginRead()
    if (timeoutMs === 0) return this.#arrivedNow()
    let isLate = false
    const timer = this.#context.world.clock.after(timeoutMs, () => {
      isLate = true
      this.#wake?.()
    })
    try {
      for (;;) {
        const arrived = this.#arrived
        this.#arrived = undefined
        if (arrived !== undefined && 'error' in arrived) throw arrived.error
        if (arrived !== undefined) return arrived.bytes
        if (orChange && this.#changed) {
          this.#changed = false
          return 'changed'
        }
        if (isLate) return 'timeout'
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    } finally {
      timer.cancel()
      this.#wake = undefined
    }
  }

  /** What has come already; nobody waits for more. */
  async #arrivedNow(): Promise<ReadOutcome> {
    // The stream's answer passes through one promise, and ours through another.
    for (let turn = 0; turn < 3 && this.#arrived === undefined; turn++) await undefined
    const arrived = this.#arrived
    this.#arrived = undefined
    if (arrived !== undefined && 'error' in arrived) throw arrived.error
    return arrived === undefined ? 'timeout' : arrived.bytes
  }

  #beginRead(): void {
    const settle = (arrived: Arrived): void => {
      this.#isReading = false
      this.#arrived = arrived
      this.#wake?.()
    }
    this.#isReading = true
    this.stream.read().then(
      (bytes) => settle({ bytes }),
      (error: unknown) => settle({ error }),
    )
  }

  async #write(chunks: readonly Buffer[]): Promise<void> {
    const { stream } = this
    const { world, writeTimeoutMs } = this.#context
    // Small pieces leave as one TLS record; large bodies are not copied.
    const joined =
      chunks.length > 1 && chunks.every((chunk) => chunk.length < 65_536) ? [Buffer.concat(chunks)] : chunks
    for (const chunk of joined) {
      const timer = world.clock.after(writeTimeoutMs, () => stream.destroy())
      try {
        await stream.write(chunk)
      } finally {
        timer.cancel()
      }
    }
  }

  /** Nothing may be on its way that was not deflated. */
  #compress(): boolean {
    if (this.#isReading || this.#arrived !== undefined) return false
    this.stream = new DeflateStream(this.stream)
    return true
  }

  async #startTls(): Promise<TlsInfo | undefined> {
    const { stream } = this
    const { tlsIdentity } = this.#context
    if (tlsIdentity === undefined) return undefined
    try {
      return await stream.startTls({ role: 'server', identity: tlsIdentity })
    } catch (error) {
      if (error instanceof NetworkError) return undefined
      throw error
    }
  }
}

async function orRefusal<T>(work: () => Promise<T>): Promise<T | { refused: 'full' | 'failed' }> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof DiskError) return { refused: error.code === 'full' ? 'full' : 'failed' }
    throw error
  }
}
