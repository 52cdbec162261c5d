// What a push service carries and cannot read: one record of aes128gcm for the keys of a subscription (RFC 8291, RFC 8188).

import { createCipheriv, createECDH, hkdfSync } from 'node:crypto'
import type { Random } from '../../../world/world.ts'

/** A subscription's own keys: a point of P-256, uncompressed, and 16 bytes of a secret. */
export interface PushKeys {
  readonly p256dh: Buffer
  readonly auth: Buffer
}

const RECORD_BYTES = 4096
/** A record holds the delimiter and the tag, too; push services take no more than 4096 bytes in all (RFC 8030 §7.2). */
const MAX_PLAINTEXT_BYTES = RECORD_BYTES - 86 - 17

/** @throws Error when `p256dh` is no point of the curve */
export function encryptPush(plaintext: Buffer, { p256dh, auth }: PushKeys, random: Pick<Random, 'bytes'>): Buffer {
  if (plaintext.length > MAX_PLAINTEXT_BYTES) throw new Error('too much for one push message')
  const ours = createECDH('prime256v1')
  ours.setPrivateKey(random.bytes(32))
  const ourPublic = ours.getPublicKey()
  const shared = ours.computeSecret(p256dh)
  // RFC 8291 §3.4: both public keys go into the key, so that the record is for this subscription alone.
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), p256dh, ourPublic])
  const ikm = derive(shared, auth, info, 32)
  const salt = random.bytes(16)
  const key = derive(ikm, salt, Buffer.from('Content-Encoding: aes128gcm\0'), 16)
  const nonce = derive(ikm, salt, Buffer.from('Content-Encoding: nonce\0'), 12)
  const cipher = createCipheriv('aes-128-gcm', key, nonce)
  // 2: this record is the last one (RFC 8188 §2).
  const sealed = [cipher.update(plaintext), cipher.update(Buffer.of(2)), cipher.final(), cipher.getAuthTag()]
  const size = Buffer.alloc(4)
  size.writeUInt32BE(RECORD_BYTES)
  return Buffer.concat([salt, size, Buffer.of(ourPublic.length), ourPublic, ...sealed])
}

const derive = (secret: Buffer, salt: Buffer, info: Buffer, length: number): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, salt, info, length))
