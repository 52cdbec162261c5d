// @node-rs/argon2 in a browser.

import { argon2id } from '@noble/hashes/argon2.js'

interface Options {
  readonly salt: Uint8Array
  readonly memoryCost: number
  readonly timeCost: number
  readonly parallelism: number
  readonly outputLen: number
}

export const hashRawSync = (password: Uint8Array, { salt, memoryCost, timeCost, parallelism, outputLen }: Options) =>
  Buffer.from(argon2id(password, salt, { m: memoryCost, t: timeCost, p: parallelism, dkLen: outputLen }))
