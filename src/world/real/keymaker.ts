// The real world's keys: OpenSSL's generator, and a self-signed certificate by the package `selfsigned`.

import { generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { generate } from 'selfsigned'
import type { Keymaker } from '../world.ts'

const VALID_YEARS = 10

export const realKeymaker: Keymaker = {
  async rsa(): Promise<KeyObject> {
    return (await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })).privateKey
  },

  async tlsIdentity(names) {
    const now = new Date()
    const later = new Date(now)
    later.setFullYear(now.getFullYear() + VALID_YEARS)
    const made = await generate([{ name: 'commonName', value: names[0]! }], {
      keyType: 'ec',
      curve: 'P-256',
      algorithm: 'sha256',
      notBeforeDate: now,
      notAfterDate: later,
      extensions: [
        { name: 'basicConstraints', cA: false },
        {
          name: 'subjectAltName',
          altNames: names.map((name) => (/^[\d.]+$|:/.test(name) ? { type: 7, ip: name } : { type: 2, value: name })),
        },
      ],
    })
    return { certificatePem: made.cert, privateKeyPem: made.private }
  },
}
