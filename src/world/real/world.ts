// The real world: this machine's clock, chance, sockets, disk and processors. Dns is handed in, because the resolver
// is itself a program over sockets (src/protocols/dns).

import { pbkdf2, randomBytes, randomInt, sign, verify } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import { hashRaw } from '@node-rs/argon2'
import type { DirectoryPlace } from '../directory.ts'
import type { Dns } from '../dns.ts'
import type { Clock, Cpu, Random, Timer, World } from '../world.ts'
import { compressed, decompressed } from '../zstd.ts'
import { RealDirectory } from './directory.ts'
import { RealDisk } from './disk.ts'
import { realKeymaker } from './keymaker.ts'
import { RealNetwork } from './network.ts'
import { RealPostgres } from './postgres.ts'
import { RealS3 } from './s3.ts'

export interface RealWorldOptions {
  /** The actor's own folder; made when missing. Every path of `disk` lies below it. */
  readonly folder: string
  /** Makes the resolver from the other parts. */
  readonly dns: (parts: Omit<World, 'dns'>) => Dns
  /** Outgoing connections leave from this address unless they name another. */
  readonly localAddress?: string
}

export function realWorld(options: RealWorldOptions): World {
  const parts = {
    clock: realClock,
    random: realRandom,
    network: new RealNetwork(options.localAddress),
    disk: new RealDisk(options.folder),
    cpu: realCpu,
    keymaker: realKeymaker,
    postgres: (url: string) => new RealPostgres(url),
    s3: (url: string) => new RealS3(url),
    secret: secretAt,
    directory: (place: DirectoryPlace) => new RealDirectory(place),
  }
  return { ...parts, dns: options.dns(parts) }
}

async function secretAt(place: string): Promise<string | undefined> {
  if (place.startsWith('env:')) return process.env[place.slice(4)]
  return readFile(place, 'utf8').catch(() => undefined)
}

/** setTimeout takes 31 bits; longer waits are made of several. */
const longestTimeoutMs = 2 ** 31 - 1

export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  // Somebody waits for this one, so it keeps the process alive, unlike `after`.
  sleep: (delayMs) =>
    new Promise((resolve) => {
      startTimer(delayMs, resolve, true)
    }),
  after: (delayMs, action) => startTimer(delayMs, action, false),
}

function startTimer(delayMs: number, action: () => void, keepsAlive: boolean): Timer {
  const firstMs = Math.min(delayMs, longestTimeoutMs)
  let next: Timer | undefined
  const timeout = setTimeout(() => {
    if (delayMs > firstMs) next = startTimer(delayMs - firstMs, action, keepsAlive)
    else action()
  }, firstMs)
  if (!keepsAlive) timeout.unref()
  return {
    cancel: () => {
      clearTimeout(timeout)
      next?.cancel()
    },
  }
}

/** Small requests share one call to the system, which costs twenty times what is drawn. Nothing is given out twice. */
const pool = { bytes: Buffer.alloc(0), used: 0 }
const POOL_BYTES = 4096
const LARGEST_FROM_POOL = 64

function someBytes(length: number): Buffer {
  if (length > LARGEST_FROM_POOL) return randomBytes(length)
  if (pool.used + length > pool.bytes.length) {
    pool.bytes = randomBytes(POOL_BYTES)
    pool.used = 0
  }
  const given = Buffer.from(pool.bytes.subarray(pool.used, pool.used + length))
  // Not left behind in memory: it may become a key.
  pool.bytes.fill(0, pool.used, pool.used + length)
  pool.used += length
  return given
}

export const realRandom: Random = {
  bytes: someBytes,
  float: () => Math.random(),
  integer: (below) => randomInt(below),
}

/** What is no longer than this is done sooner than it would be handed over to the pool. */
const SMALL_BYTES = 32 * 1024

/** Of the library's enumeration, which a compiler of single files cannot see. */
const ARGON2ID = 2

const realCpu: Cpu = {
  sign: (algorithm, data, privateKey) =>
    new Promise((resolve, reject) => {
      sign(algorithm, data, privateKey, (error, signature) => (error ? reject(error) : resolve(signature)))
    }),
  verify: (algorithm, data, publicKey, signature) =>
    new Promise((resolve) => {
      verify(algorithm, data, publicKey, signature, (error, isRight) => resolve(error === null && isRight))
    }),
  pbkdf2: (password, salt, iterations) =>
    new Promise((resolve, reject) => {
      pbkdf2(password, salt, iterations, 32, 'sha256', (error, key) => (error ? reject(error) : resolve(key)))
    }),
  argon2id: (password, salt, { memoryKiB, passes }) =>
    hashRaw(password, {
      salt,
      memoryCost: memoryKiB,
      timeCost: passes,
      parallelism: 1,
      outputLen: 32,
      algorithm: ARGON2ID,
    }),
  compress: (bytes) => {
    if (bytes.length <= SMALL_BYTES) return Promise.resolve(compressed(bytes))
    return new Promise((resolve, reject) => {
      zstdCompress(bytes, (error, made) => (error ? reject(error) : resolve(made)))
    })
  },
  decompress: (bytes, mostBytes) => {
    if (mostBytes <= SMALL_BYTES) return Promise.resolve(decompressed(bytes, mostBytes))
    return new Promise((resolve) => {
      zstdDecompress(bytes, { maxOutputLength: mostBytes }, (error, made) => resolve(error ? undefined : made))
    })
  },
}
