// The bodies of a store that nodes share: in PostgreSQL, or in S3 where the description says so. In both, PostgreSQL knows
// which there are and when somebody last wanted them; an object is there before its row, and goes after it. Each upload has
// a key of its own, so a deletion can never meet the same content coming again. They are packed where that pays (packed.ts);
// what is kept as it came is known by its hash.

import { DiskError } from '../../world/disk.ts'
import { type S3, S3Error } from '../../world/s3.ts'
import type { World } from '../../world/world.ts'
import { looksPacked, packed, packingOf, unpacked, within } from '../bodies/packed.ts'
import { RecentBodies } from '../bodies/recent.ts'
import { hashOf } from '../bodies/segment.ts'
import type { BlobHash } from '../nouns/bodies.ts'
import type { BodyCache } from './body-cache.ts'
import type { SharedLog } from './log.ts'

const MOST_RECENT_BYTES = 64 * 1024 * 1024

export class SharedBodies {
  readonly #world: World
  readonly #log: SharedLog
  readonly #s3: S3 | undefined
  readonly #recent = new RecentBodies(MOST_RECENT_BYTES)
  /** Those that came from S3, on this node's disk. */
  readonly #onDisk: BodyCache | undefined

  /** `url`: of a bucket, or a part of one. `onDisk`: where what comes from there is kept. */
  constructor(world: World, log: SharedLog, url?: string, onDisk?: BodyCache) {
    this.#world = world
    this.#log = log
    this.#s3 = url === undefined ? undefined : world.s3(url)
    this.#onDisk = onDisk
  }

  /** Durable when it resolves. @throws DiskError */
  async put(hash: BlobHash, content: Buffer): Promise<void> {
    if (this.#s3 === undefined) await this.#log.putBody(hash, await this.#kept(hash, content))
    else if (!(await this.#log.touchBody(hash))) await this.#upload(this.#s3, hash, await this.#kept(hash, content))
    this.#recent.put(hash, content)
  }

  /** Undefined when it is not there. @throws DiskError when it cannot be had, or is not what was put */
  async read(hash: BlobHash): Promise<Buffer | undefined> {
    const recent = this.#recent.get(hash)
    if (recent !== undefined) return recent
    const near = await this.#onDisk?.get(hash)
    if (near !== undefined) {
      this.#recent.put(hash, near)
      return near
    }
    const body = await this.#log.body(hash)
    if (body === undefined) return undefined
    const kept = 'content' in body ? body.content : await this.#download(body.key)
    const content = kept === undefined ? undefined : await this.#content(hash, kept)
    if (content === undefined) {
      throw new DiskError('failed', `The body ${hash} is ${kept === undefined ? 'missing' : 'damaged'}.`)
    }
    this.#recent.put(hash, content)
    if ('key' in body) this.#onDisk?.put(hash, content)
    return content
  }

  /** Those of them that nobody wanted for a day go. */
  async remove(hashes: readonly BlobHash[]): Promise<void> {
    // An object that cannot be deleted now is nobody's any more: it costs space, no more.
    for (const key of await this.#log.deleteBodies(hashes)) await this.#s3?.remove(key).catch(ifUnreachable)
  }

  async #kept(hash: BlobHash, content: Buffer): Promise<Buffer> {
    return (await packed(packingOf(this.#world), hash, content)) ?? content
  }

  /** The body that was kept like this; undefined when it is not what was put. */
  async #content(hash: BlobHash, kept: Buffer): Promise<Buffer | undefined> {
    const content = looksPacked(kept) ? await unpacked(packingOf(this.#world), hash, within(kept)) : undefined
    return [content, kept].find((one) => one !== undefined && hashOf([one]) === hash)
  }

  /** Puts a body where it is not yet, as it is kept; nothing when it is there, or gone. @throws DiskError */
  async bring(hash: BlobHash, to: 's3' | 'database'): Promise<void> {
    const body = await this.#log.body(hash)
    if (body === undefined || 'content' in body === (to === 'database')) return
    const kept = 'content' in body ? body.content : await this.#download(body.key)
    if (kept === undefined || (await this.#content(hash, kept)) === undefined) {
      throw new DiskError('failed', `The body ${hash} is ${kept === undefined ? 'missing' : 'damaged'}.`)
    }
    if ('key' in body) {
      await this.#log.bodyCame(hash, body.key, kept)
      await this.#s3?.remove(body.key).catch(ifUnreachable)
    } else if (this.#s3 !== undefined) {
      const key = this.#newKey(hash)
      await answered(this.#s3.put(key, kept))
      if (!(await this.#log.bodyWent(hash, key))) await this.#s3.remove(key).catch(ifUnreachable)
    }
  }

  /** The index knows them no more: this node keeps no copy. */
  forget(hashes: readonly BlobHash[]): void {
    for (const hash of hashes) {
      this.#recent.forget(hash)
      this.#onDisk?.forget(hash)
    }
  }

  async close(): Promise<void> {
    await this.#onDisk?.close()
  }

  async #upload(s3: S3, hash: BlobHash, content: Buffer): Promise<void> {
    const key = this.#newKey(hash)
    await answered(s3.put(key, content))
    // Another node may have been quicker with the same content.
    if ((await this.#log.placeBody(hash, key)) !== key) await s3.remove(key).catch(ifUnreachable)
  }

  #newKey(hash: BlobHash): string {
    return `${hash.slice(0, 2)}/${hash}-${this.#world.random.bytes(6).toString('hex')}`
  }

  async #download(key: string): Promise<Buffer | undefined> {
    if (this.#s3 === undefined)
      throw new DiskError('failed', `${key} is in S3, and the description does not say where.`)
    return answered(this.#s3.get(key))
  }
}

async function answered<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (error) {
    throw error instanceof S3Error ? new DiskError('failed', error.message) : error
  }
}

function ifUnreachable(error: unknown): void {
  if (!(error instanceof S3Error)) throw error
}
