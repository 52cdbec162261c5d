// Bodies of requests as they come: small ones stay in memory, of others what has come lies in a file beside the store
// (sealed, where that is), so that hundreds of large uploads on slow lines cost little memory. Only when a body is whole is
// it read back, and no more of them at once than there is room for. It promises nothing: whoever breaks off leaves nothing,
// and what a crash left is removed at the next start.

import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Disk, DiskError, type DiskFile } from '../world/disk.ts'
import type { World } from '../world/world.ts'
import type { Problem } from './problem.ts'

const FOLDER = 'sending'
const IN_MEMORY_BYTES = 64 * 1024
/** Stays free for mail that comes in. */
const RESERVE_BYTES = 512 * 1024 * 1024
/** Looked at each time so much has come. */
const LOOK_EVERY_BYTES = 1024 * 1024
/** For bodies that are being read, with what is made of them; a larger one goes alone. */
const ROOM_BYTES = 256 * 1024 * 1024

const FULL: Problem = { status: 503, code: 'unavailable', detail: 'There is no room for so much now. Try again later.' }
const BROKE_OFF: Problem = { status: 400, code: 'bad-request', detail: 'The request broke off.' }

/** A body that is whole. */
export interface Spooled {
  readonly sizeBytes: number
  /** Its bytes, for as long as `work` takes; `roomFor`: how much memory each costs until then. Waits for room. */
  read<T>(roomFor: number, work: (bytes: Buffer) => Promise<T>): Promise<T>
  /** Forgets it. Idempotent. */
  remove(): Promise<void>
}

export class Spool {
  readonly #disk: Disk
  readonly #random: Pick<World['random'], 'bytes'>
  readonly #room = new Room(ROOM_BYTES)
  #tidied: Promise<void> | undefined

  constructor({ disk, random }: Pick<World, 'disk' | 'random'>) {
    this.#disk = disk
    this.#random = random
  }

  /** Reads a body; nothing is read, and nobody is asked to go on (RFC 9110 §10.1.1), where it says that it is too large. */
  async take(request: FastifyRequest, reply: FastifyReply, maxBytes: number): Promise<Spooled | Problem> {
    const tooLarge = { status: 413, code: 'too-large', detail: `At most ${maxBytes} bytes are taken.` } as const
    if (Number(request.headers['content-length']) > maxBytes) return tooLarge
    goOn(request, reply)
    const body = new Body(this.#disk, this.#random, this.#room)
    try {
      await (this.#tidied ??= this.#tidy().catch((error: unknown) => this.#untidied(error)))
      // Whoever sends too much still hears so.
      for await (const chunk of (request.body as AsyncBody | null)?.iterator({ destroyOnReturn: false }) ?? []) {
        if (body.sizeBytes + chunk.length > maxBytes) return await gone(tooLarge)
        await body.add(chunk)
      }
      return body
    } catch (error) {
      if (!(error instanceof DiskError)) return gone(BROKE_OFF)
      return gone(FULL)
    }

    async function gone(problem: Problem): Promise<Problem> {
      await body.remove().catch(() => {})
      return problem
    }
  }

  /** Next time again. */
  #untidied(error: unknown): never {
    this.#tidied = undefined
    throw error
  }

  async #tidy(): Promise<void> {
    for (const name of await this.#disk.list(FOLDER)) await this.#disk.remove(`${FOLDER}/${name}`)
  }
}

interface AsyncBody {
  iterator(options: { destroyOnReturn: boolean }): AsyncIterable<Buffer>
}

const WANTS = /^100-continue$/i
const toldToGoOn = new WeakSet<object>()

/** Whoever waits to be asked for the body is asked for it now. */
export function goOn({ headers, raw }: FastifyRequest, reply: FastifyReply): void {
  if (!WANTS.test(headers.expect ?? '') || toldToGoOn.has(raw)) return
  toldToGoOn.add(raw)
  reply.raw.writeContinue()
}

/** It waited, and was not asked: what follows on this connection may be that body or another request. */
export const isLeftWaiting = ({ headers, raw }: FastifyRequest): boolean =>
  WANTS.test(headers.expect ?? '') && !toldToGoOn.has(raw)

class Body implements Spooled {
  readonly #disk: Disk
  readonly #path: string
  readonly #room: Room
  #memory: Buffer[] = []
  #file: DiskFile | undefined
  /** Of each piece in the file, as it lies there. */
  readonly #pieces: number[] = []
  #lookAtBytes = 0
  sizeBytes = 0

  constructor(disk: Disk, random: Pick<World['random'], 'bytes'>, room: Room) {
    this.#disk = disk
    this.#room = room
    this.#path = `${FOLDER}/${Buffer.from(random.bytes(12)).toString('hex')}`
  }

  /** @throws DiskError */
  async add(chunk: Buffer): Promise<void> {
    this.sizeBytes += chunk.length
    if (this.#file === undefined) {
      this.#memory.push(chunk)
      if (this.sizeBytes <= IN_MEMORY_BYTES) return
      this.#file = await this.#disk.open(this.#path, true)
      const before = this.#memory
      this.#memory = []
      return this.#write(Buffer.concat(before))
    }
    return this.#write(chunk)
  }

  async #write(bytes: Buffer): Promise<void> {
    if (this.sizeBytes >= this.#lookAtBytes) {
      if ((await this.#disk.freeBytes()) < RESERVE_BYTES) throw new DiskError('full', 'There is no room for more now.')
      this.#lookAtBytes = this.sizeBytes + LOOK_EVERY_BYTES
    }
    const piece = this.#disk.seal?.seal(bytes, this.#contextOf(this.#pieces.length)) ?? bytes
    await this.#file!.append([piece])
    this.#pieces.push(piece.length)
  }

  async read<T>(roomFor: number, work: (bytes: Buffer) => Promise<T>): Promise<T> {
    if (this.#file === undefined) return work(Buffer.concat(this.#memory))
    return this.#room.within(this.sizeBytes * roomFor, async () => work(await this.#readBack()))
  }

  async #readBack(): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(this.sizeBytes)
    let [at, offset] = [0, 0]
    for (const [n, length] of this.#pieces.entries()) {
      const piece = await this.#file!.read(offset, length)
      const plain = this.#disk.seal?.open(piece, this.#contextOf(n)) ?? piece
      plain.copy(bytes, at)
      at += plain.length
      offset += length
    }
    if (at !== this.sizeBytes) throw new DiskError('failed', `${this.#path} is not as it was written.`)
    return bytes
  }

  #contextOf(piece: number): string {
    return `${this.#path} ${piece}`
  }

  async remove(): Promise<void> {
    const file = this.#file
    this.#memory = []
    this.#file = undefined
    if (file === undefined) return
    await file.close()
    await this.#disk.remove(this.#path)
  }
}

/** So many bytes at once, first come, first served. */
class Room {
  readonly #most: number
  #used = 0
  readonly #waiting: { readonly bytes: number; readonly enter: () => void }[] = []

  constructor(most: number) {
    this.#most = most
  }

  async within<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    if (this.#waiting.length > 0 || !this.#fits(bytes))
      await new Promise<void>((enter) => this.#waiting.push({ bytes, enter }))
    else this.#used += bytes
    try {
      return await work()
    } finally {
      this.#used -= bytes
      while (this.#waiting.length > 0 && this.#fits(this.#waiting[0]!.bytes)) {
        const next = this.#waiting.shift()!
        this.#used += next.bytes
        next.enter()
      }
    }
  }

  #fits(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.#most
  }
}
