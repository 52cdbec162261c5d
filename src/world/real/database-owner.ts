// The network thread's side of an owned database: requests go to a worker thread, answers come back in order. An
// error crosses with its name, code and message. An idle owner does not keep the process alive.

import { Worker } from 'node:worker_threads'
import { type DatabaseOwner, DiskError } from '../disk.ts'

/** What the worker is started with. */
export interface OwnerStart {
  readonly path: string
  readonly moduleUrl: string
  /** Of its files. */
  readonly folder: string
  /** Of the seal, where they are sealed. */
  readonly keys: readonly Uint8Array[] | undefined
}
/** What the worker sends: the answer to the oldest open request ('ready' answers the start itself). */
export type OwnerReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'error'; readonly error: CarriedError }

export interface CarriedError {
  readonly name: string
  readonly message: string
  readonly stack?: string
  readonly code?: unknown
  readonly errcode?: unknown
}

interface Waiter {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** @throws DiskError, or what the module's `serve` threw */
export async function ownInThread(start: OwnerStart): Promise<DatabaseOwner> {
  // Beside this file, under the same extension: .ts when run from the sources, .js when compiled.
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const owner = new ThreadOwner(
    start.path,
    new Worker(new URL(`./database-worker.${extension}`, import.meta.url), {
      workerData: start,
      // Ours may speak of an input that is not the worker's (--input-type, --eval).
      execArgv: [],
    }),
  )
  await owner.ready
  return owner
}

class ThreadOwner implements DatabaseOwner {
  readonly ready: Promise<unknown>
  readonly #path: string
  readonly #worker: Worker
  readonly #exited: Promise<void>
  /** Oldest first; answered from #nextAnswer on, so that taking one costs nothing. */
  #waiters: Waiter[] = []
  #nextAnswer = 0
  #ended: Error | undefined

  constructor(path: string, worker: Worker) {
    this.#path = path
    this.#worker = worker
    this.ready = new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
    this.#exited = new Promise((resolve) => {
      worker.once('exit', () => {
        this.#end(new DiskError('failed', `The owner of ${path} has ended.`))
        resolve()
      })
    })
    worker.on('error', (error) => this.#end(error as Error))
    worker.on('message', (reply: OwnerReply) => this.#settle(reply))
  }

  request(message: unknown): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    return new Promise((resolve, reject) => {
      // First the message: what cannot be cloned throws here and must not leave a waiter behind.
      this.#worker.postMessage({ message })
      if (this.#nextAnswer === this.#waiters.length) this.#worker.ref()
      this.#waiters.push({ resolve, reject })
    })
  }

  async close(): Promise<void> {
    if (this.#ended === undefined) {
      this.#ended = new DiskError('failed', `The owner of ${this.#path} is closed.`)
      this.#worker.ref()
      this.#worker.postMessage('close')
    }
    await this.#exited
  }

  #settle(reply: OwnerReply): void {
    const waiter = this.#waiters[this.#nextAnswer++]!
    if (this.#nextAnswer === this.#waiters.length) {
      this.#waiters = []
      this.#nextAnswer = 0
      if (this.#ended === undefined) this.#worker.unref()
    } else if (this.#nextAnswer > 1024) {
      this.#waiters = this.#waiters.slice(this.#nextAnswer)
      this.#nextAnswer = 0
    }
    if (reply.kind === 'error') waiter.reject(revive(reply.error))
    else waiter.resolve(reply.kind === 'value' ? reply.value : undefined)
  }

  #end(reason: Error): void {
    this.#ended ??= reason
    for (const waiter of this.#waiters.slice(this.#nextAnswer)) waiter.reject(reason)
    this.#waiters = []
    this.#nextAnswer = 0
  }
}

function revive(carried: CarriedError): Error {
  if (carried.name === 'DiskError') return new DiskError(carried.code as DiskError['code'], carried.message)
  const error = new Error(carried.message)
  error.name = carried.name
  if (carried.stack !== undefined) error.stack = carried.stack
  if (carried.code !== undefined) Object.assign(error, { code: carried.code })
  if (carried.errcode !== undefined) Object.assign(error, { errcode: carried.errcode })
  return error
}
