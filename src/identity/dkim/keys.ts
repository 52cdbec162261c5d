// Making DKIM keys, and the DNS record for one (RFC 6376 §3.6.1, RFC 8463 §4.1). RSA keys come from world.keymaker.

import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import type { Random } from '../../world/world.ts'

/** An Ed25519 key from 32 bytes of the world's chance: the simulated world makes the same key again. */
export function makeEd25519Key(random: Random): KeyObject {
  // RFC 8410 §7: the PKCS #8 frame around the 32 secret bytes is always the same.
  const frame = Buffer.from('302e020100300506032b657004220420', 'hex')
  return createPrivateKey({ key: Buffer.concat([frame, random.bytes(32)]), format: 'der', type: 'pkcs8' })
}

/** PKCS #8 PEM, as it is kept on disk (secret). */
export function privateKeyPem(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString()
}

/** Reads PEM of PKCS #8 or PKCS #1. Undefined when it is no RSA or Ed25519 private key. */
export function readPrivateKey(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(pem)
    return key.asymmetricKeyType === 'rsa' || key.asymmetricKeyType === 'ed25519' ? key : undefined
  } catch {
    return undefined
  }
}

export interface KeyRecord {
  /** `selector._domainkey.domain` */
  readonly name: string
  /** The whole text. */
  readonly text: string
  /** The same cut into strings that DNS can hold (255 bytes each, RFC 1035 §3.3). */
  readonly strings: readonly string[]
}

/** The TXT record that publishes the key. */
export function keyRecord(key: KeyObject, domain: string, selector: string): KeyRecord {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  const ed25519 = key.asymmetricKeyType === 'ed25519'
  const data = ed25519 ? spki.subarray(-32) : spki
  const text = `v=DKIM1; k=${ed25519 ? 'ed25519' : 'rsa'}; p=${data.toString('base64')}`
  return { name: `${selector}._domainkey.${domain}`, text, strings: text.match(/.{1,255}/g) ?? [] }
}
