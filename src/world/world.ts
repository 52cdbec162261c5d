// The world: everything outside the program. Clock, Random, Network, Dns, Disk, Cpu and nothing else.
// The same code runs in the real world (`real/`: sockets, a disk) and in the simulated world (`simulated/`:
// seeded, virtual, replayed bit for bit). No file outside src/world/ does I/O, reads the time or draws chance
// in any other way; the linter keeps it so.

import type { Directory, DirectoryPlace } from './directory.ts'
import type { Disk } from './disk.ts'
import type { Dns } from './dns.ts'
import type { Network } from './network.ts'
import type { Postgres } from './postgres.ts'
import type { S3 } from './s3.ts'

/** What one actor (one host) can reach. */
export interface World {
  readonly clock: Clock
  readonly random: Random
  readonly network: Network
  readonly dns: Dns
  readonly disk: Disk
  readonly cpu: Cpu
  readonly keymaker: Keymaker
  /** A database that several machines share, at this URL. Connects when it is asked. */
  readonly postgres: (url: string) => Postgres
  /**
   * A secret that lies outside of the actor's folder, at the absolute path of a file, or in the environment (`env:NAME`).
   * Undefined when there is none.
   */
  readonly secret: (place: string) => Promise<string | undefined>
  /** The objects of a bucket, or of a part of one, at this URL. */
  readonly s3: (url: string) => S3
  /** The directory of the house (LDAP). Connects when it is asked. */
  readonly directory: (place: DirectoryPlace) => Directory
}

/** A timer that has been set; `cancel` is idempotent. */
export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Wall time, milliseconds since 1970-01-01 UTC. May jump: never measure intervals with it. */
  now(): number
  /** Monotonic milliseconds from an arbitrary start. */
  monotonic(): number
  /** Resolves after `delayMs`. */
  sleep(delayMs: number): Promise<void>
  /** Calls `action` once after `delayMs`. A real timer never keeps the process alive by itself. */
  after(delayMs: number, action: () => void): Timer
}

export interface Random {
  /** `length` unpredictable bytes (cryptographically strong in the real world, seeded in the simulated one). */
  bytes(length: number): Buffer
  /** A float in [0, 1). */
  float(): number
  /** An integer in [0, below). */
  integer(below: number): number
}

/** CPU-heavy native work: in libuv's pool in the real world, at once (and so reproducibly) in the simulated one. */
export interface Argon2Cost {
  readonly memoryKiB: number
  readonly passes: number
}

export interface Cpu {
  /** Signature over `data`; `algorithm` as node:crypto names it ('sha256' for RSA, null for Ed25519). */
  sign(algorithm: 'sha256' | null, data: Uint8Array, privateKey: import('node:crypto').KeyObject): Promise<Buffer>
  /** Whether it is the signature of `data`; false, too, for one that no signer makes (a wrong length). */
  verify(
    algorithm: 'sha256' | null,
    data: Uint8Array,
    publicKey: import('node:crypto').KeyObject,
    signature: Uint8Array,
  ): Promise<boolean>
  /** PBKDF2 with HMAC-SHA-256 (RFC 8018), 32 bytes: SCRAM's `Hi` (RFC 5802 §2.2). */
  pbkdf2(password: Uint8Array, salt: Uint8Array, iterations: number): Promise<Buffer>
  /** Argon2id (RFC 9106), one lane, 32 bytes. */
  argon2id(password: Uint8Array, salt: Uint8Array, cost: Argon2Cost): Promise<Buffer>
  /** zstd (RFC 8878). */
  compress(bytes: Uint8Array): Promise<Buffer>
  /** Undefined when it is no zstd, or would become longer than `mostBytes`. */
  decompress(bytes: Uint8Array, mostBytes: number): Promise<Buffer | undefined>
}

/** Makes the keys of an actor. Slow: once, at its first start. */
export interface Keymaker {
  /** A private RSA key for signing, 2048 bits (1024 in the simulated world, drawn from its seed). */
  rsa(): Promise<import('node:crypto').KeyObject>
  /** A self-signed certificate (P-256) for these names, until a certificate authority gives a better one. */
  tlsIdentity(names: readonly string[]): Promise<import('./network.ts').TlsIdentity>
}
