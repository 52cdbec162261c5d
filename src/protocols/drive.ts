// Performs a Dialogue's effects on a stream and a store: the one place where IMAP and POP3 meet I/O.
// Never throws: whatever breaks ends the session. A client that does not read is dropped after a while, so that a
// connection holds no more than one answer's piece.

import type { Store } from '../store/store.ts'
import { DiskError } from '../world/disk.ts'
import type { Stream, TlsIdentity } from '../world/network.ts'
import { NetworkError } from '../world/network.ts'
import type { World } from '../world/world.ts'
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
    context.stream.end()
  } catch (error) {
    if (!(error instanceof NetworkError)) context.report?.(error)
    context.stream.destroy()
  } finally {
    performer.stop()
  }
}

class Performer {
  readonly #context: DriveContext
  /** A read that was begun and not yet used: a stream allows one at a time, and IDLE stops waiting without it. */
  #reading: Promise<Uint8Array | null | 'timeout'> | undefined
  #unwatch: (() => void) | undefined
  #changed = false
  #onChange: (() => void) | undefined

  constructor(context: DriveContext) {
    this.#context = context
  }

  stop(): void {
    this.#unwatch?.()
    this.#reading?.catch(() => {})
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
      case 'put-blob':
        return orRefusal(() => store.putBlob(effect.content))
      case 'read-blobs':
        return Promise.all(effect.requests.map(({ ref, range }) => store.readBlob(ref, range).catch(() => undefined)))
      case 'check-password':
        return accounts.checkPassword(effect.user, effect.password)
      case 'scram-credentials':
        return accounts.scramCredentials(effect.user)
      case 'signed-in':
        this.#unwatch ??= store.watch(effect.account, () => {
          this.#changed = true
          this.#onChange?.()
        })
        return
      case 'start-tls':
        return this.#startTls()
      case 'pause':
        return world.clock.sleep(0)
      case 'delay':
        return world.clock.sleep(effect.delayMs)
    }
  }

  async #read(timeoutMs: number, orChange: boolean): Promise<ReadOutcome> {
    if (orChange && this.#changed) {
      this.#changed = false
      return 'changed'
    }
    const { stream, world } = this.#context
    this.#reading ??= stream.read()
    // One timer here instead of the stream's own: a read that outlives a 'changed' keeps no old deadline.
    const outcome = await new Promise<ReadOutcome>((resolve, reject) => {
      const timer = world.clock.after(timeoutMs, () => resolve('timeout'))
      if (orChange) this.#onChange = () => resolve('changed')
      this.#reading!.then(resolve, reject).finally(() => timer.cancel())
    }).finally(() => {
      this.#onChange = undefined
    })
    if (outcome === 'changed') this.#changed = false
    else if (outcome !== 'timeout') this.#reading = undefined
    return outcome
  }

  async #write(chunks: readonly Buffer[]): Promise<void> {
    const { stream, world, writeTimeoutMs } = this.#context
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

  async #startTls(): Promise<boolean> {
    const { stream, tlsIdentity } = this.#context
    if (tlsIdentity === undefined) return false
    try {
      await stream.startTls({ role: 'server', identity: tlsIdentity })
      return true
    } catch (error) {
      if (error instanceof NetworkError) return false
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
