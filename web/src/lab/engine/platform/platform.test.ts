// The platform of the engine against Node's own: digests, keys, signatures, ciphers, archives. (Buffers and names of hosts are
// tried in a browser: engine.test.ts.)

import assert from 'node:assert/strict'
import * as node from 'node:crypto'
import { test } from 'node:test'
import * as nodeZlib from 'node:zlib'
import fc from 'fast-check'
import * as ours from './crypto.ts'
import { isIP } from './net.ts'
import { StringDecoder } from './string-decoder.ts'
import * as zlib from './zlib.ts'

const bytes = (max = 300) => fc.uint8Array({ maxLength: max }).map((value) => Buffer.from(value))
const exactly = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((value) => Buffer.from(value))

test('digests, with keys and without, in pieces and copied', () => {
  fc.assert(
    fc.property(fc.constantFrom('md5', 'sha1', 'sha256', 'sha384', 'sha512'), bytes(), bytes(), (name, key, data) => {
      const half = data.subarray(0, data.length >> 1)
      const rest = data.subarray(half.length)
      const [a, b] = [ours.createHash(name).update(half), node.createHash(name).update(half)]
      assert.equal(a.copy().digest('hex'), b.copy().digest('hex'))
      assert.equal(a.update(rest).digest('base64url'), b.update(rest).digest('base64url'))
      assert.deepEqual(
        ours.createHmac(name, key).update(data).digest(),
        node.createHmac(name, key).update(data).digest(),
      )
      assert.equal(ours.hash(name, data), node.hash(name, data))
    }),
  )
  assert.throws(() => ours.createHash('whirlpool'), /is not here/)
})

test('keys from passwords and from keys', () => {
  fc.assert(
    fc.property(bytes(40), bytes(40), fc.integer({ min: 1, max: 50 }), (secret, salt, count) => {
      assert.deepEqual(
        ours.pbkdf2Sync(secret, salt, count, 32, 'sha256'),
        node.pbkdf2Sync(secret, salt, count, 32, 'sha256'),
      )
      assert.deepEqual(
        Buffer.from(ours.hkdfSync('sha256', secret, salt, 'info', 44)),
        Buffer.from(node.hkdfSync('sha256', secret, salt, 'info', 44)),
      )
      assert.equal(ours.timingSafeEqual(secret, Buffer.from(secret)), true)
      if (salt.length === secret.length)
        assert.equal(ours.timingSafeEqual(secret, salt), node.timingSafeEqual(secret, salt))
      else assert.throws(() => ours.timingSafeEqual(secret, salt), RangeError)
    }),
    { numRuns: 30 },
  )
})

test('AES: what one seals the other opens, and neither what was changed', () => {
  fc.assert(
    fc.property(exactly(32), exactly(12), bytes(), bytes(), (key, nonce, known, text) => {
      const sealed = (lib: typeof node) => {
        const cipher = lib.createCipheriv('aes-256-gcm', key, nonce).setAAD(known)
        return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()])
      }
      const all = sealed(ours as unknown as typeof node)
      assert.deepEqual(all, sealed(node))
      const open = (cut: Buffer) => {
        const cipher = ours.createDecipheriv('aes-256-gcm', key, nonce).setAAD(known)
        cipher.setAuthTag(cut.subarray(-16))
        return Buffer.concat([cipher.update(cut.subarray(0, -16)), cipher.final()])
      }
      assert.deepEqual(open(all), text)
      const changed = Buffer.from(all)
      changed[text.length] = changed[text.length]! ^ 1
      assert.throws(() => open(changed))
    }),
    { numRuns: 30 },
  )
  const [key, block] = [Buffer.alloc(32, 7), Buffer.alloc(16, 9)]
  const one = ours.createCipheriv('aes-256-ecb', key, null).setAutoPadding()
  const two = node.createCipheriv('aes-256-ecb', key, null).setAutoPadding(false)
  assert.deepEqual(Buffer.concat([one.update(block), one.final()]), Buffer.concat([two.update(block), two.final()]))
})

const MADE = {
  'rsa 1024': node.generateKeyPairSync('rsa', { modulusLength: 1024 }),
  'rsa 2048, exponent 3': node.generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }),
  ed25519: node.generateKeyPairSync('ed25519'),
} as const

for (const [name, { privateKey, publicKey }] of Object.entries(MADE))
  test(`a key of ${name}: every form read, written and signed with as Node does`, () => {
    const isRsa = name.startsWith('rsa')
    const pkcs8 = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
    const spki = publicKey.export({ format: 'der', type: 'spki' })
    const key = ours.createPrivateKey(pkcs8)
    assert.equal(key.export({ format: 'pem', type: 'pkcs8' }), pkcs8)
    assert.deepEqual(ours.createPublicKey(key).export({ format: 'der', type: 'spki' }), spki)
    const shown = ours.createPublicKey({ key: spki, format: 'der', type: 'spki' })
    assert.deepEqual(shown.export({ format: 'jwk' }), publicKey.export({ format: 'jwk' }))
    assert.deepEqual(key.export({ format: 'jwk' }), privateKey.export({ format: 'jwk' }))
    assert.equal(shown.asymmetricKeyType, publicKey.asymmetricKeyType)
    assert.deepEqual(shown.asymmetricKeyDetails, publicKey.asymmetricKeyDetails)
    assert.ok(shown.equals(ours.createPublicKey(key)) && key.equals(ours.createPrivateKey(pkcs8)))
    const others = Object.values(MADE).filter((one) => one.publicKey !== publicKey)
    for (const other of others)
      assert.ok(!shown.equals(ours.createPublicKey(other.publicKey.export({ format: 'pem', type: 'spki' }).toString())))
    assert.ok(!shown.equals(key))
    const forms = [
      ours.createPrivateKey({ key: privateKey.export({ format: 'jwk' }), format: 'jwk' }),
      ours.createPrivateKey({
        key: privateKey.export({ format: 'der', type: 'pkcs8' }),
        format: 'der',
        type: 'pkcs8',
      }),
      ...(isRsa ? [ours.createPrivateKey(String(privateKey.export({ format: 'pem', type: 'pkcs1' } as never)))] : []),
    ]
    for (const one of forms) assert.equal(one.export({ format: 'pem', type: 'pkcs8' }), pkcs8)
    if (isRsa) {
      const bare = publicKey.export({ format: 'der', type: 'pkcs1' } as never) as unknown as Buffer
      const read = ours.createPublicKey({ key: bare, format: 'der', type: 'pkcs1' })
      assert.deepEqual(read.export({ format: 'der', type: 'spki' }), spki)
    }
    const algorithm = isRsa ? 'sha256' : null
    fc.assert(
      fc.property(bytes(), (data) => {
        const signature = ours.sign(algorithm, data, key)
        assert.deepEqual(signature, node.sign(algorithm, data, privateKey))
        assert.equal(ours.verify(algorithm, data, shown, signature), true)
        assert.equal(ours.verify(algorithm, Buffer.concat([data, Buffer.of(1)]), shown, signature), false)
        assert.equal(ours.verify(algorithm, data, shown, signature.subarray(1)), false)
      }),
      { numRuns: 5 },
    )
  })

test('P-256: keys that are agreed on, and what is signed', () => {
  const [a, b] = [ours.createECDH('prime256v1'), node.createECDH('prime256v1')]
  a.setPrivateKey(Buffer.alloc(32, 5))
  b.setPrivateKey(Buffer.alloc(32, 5))
  assert.deepEqual(a.getPublicKey(), b.getPublicKey())
  const other = node.createECDH('prime256v1')
  assert.deepEqual(a.computeSecret(other.generateKeys()), b.computeSecret(other.getPublicKey()))
  assert.throws(() => a.computeSecret(Buffer.alloc(65, 4)))
  const jwk = node.generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
  const data = Buffer.from('a word')
  const signature = ours.sign('sha256', data, ours.createPrivateKey({ key: jwk, format: 'jwk' }))
  assert.ok(node.verify('sha256', data, node.createPublicKey({ key: jwk, format: 'jwk' }), signature))
})

test('what is no key is refused: bytes of all kinds, and keys with bytes changed', () => {
  const good = MADE['rsa 1024'].publicKey.export({ format: 'der', type: 'spki' })
  const read = (lib: typeof node, key: Buffer, type: 'spki' | 'pkcs1') => {
    try {
      return lib.createPublicKey({ key, format: 'der', type }).export({ format: 'jwk' })
    } catch {
      return undefined
    }
  }
  const mine = ours as unknown as typeof node
  fc.assert(
    fc.property(bytes(60), fc.constantFrom('spki' as const, 'pkcs1' as const), (key, type) => {
      assert.equal(read(mine, key, type), undefined)
    }),
  )
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
      const changed = Buffer.from(good)
      changed[at] = byte
      const found = read(mine, changed, 'spki')
      // OpenSSL takes what is not quite DER, too; what both take is the same key.
      const there = read(node, changed, 'spki')
      if (found !== undefined && there !== undefined) assert.deepEqual(found, there)
    }),
    { numRuns: 300 },
  )
  assert.throws(() => ours.createPrivateKey('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----'))
  assert.throws(() => ours.createPrivateKey('nothing'), /no key in PEM/)
})

test('primes are those that Node finds', () => {
  const prime = node.generatePrimeSync(256, { bigint: true })
  assert.equal(ours.checkPrimeSync(prime), true)
  assert.equal(ours.checkPrimeSync(prime * node.generatePrimeSync(64, { bigint: true })), false)
  fc.assert(
    fc.property(fc.bigInt({ min: 2n ** 100n, max: 2n ** 140n }), (value) => {
      assert.equal(ours.checkPrimeSync(value | 1n), node.checkPrimeSync(value | 1n))
    }),
  )
})

test('archives: each reads what the other packed, no more than is allowed, and checksums are the same', () => {
  fc.assert(
    fc.property(bytes(5000), fc.nat(40), (piece, times) => {
      const data = Buffer.concat(Array.from({ length: times }, () => piece))
      assert.deepEqual(nodeZlib.gunzipSync(zlib.gzipSync(data)), data)
      assert.deepEqual(zlib.gunzipSync(nodeZlib.gzipSync(data)), data)
      assert.deepEqual(zlib.inflateRawSync(nodeZlib.deflateRawSync(data)), data)
      assert.deepEqual(nodeZlib.zstdDecompressSync(zlib.zstdCompressSync(data)), data)
      assert.deepEqual(zlib.zstdDecompressSync(nodeZlib.zstdCompressSync(data)), data)
      assert.equal(zlib.crc32(data), nodeZlib.crc32(data))
      if (data.length < 2) return
      const bounds = { maxOutputLength: data.length - 1 }
      assert.throws(() => zlib.gunzipSync(nodeZlib.gzipSync(data), bounds), /longer than allowed/)
      assert.throws(() => zlib.zstdDecompressSync(nodeZlib.zstdCompressSync(data), bounds), /longer than allowed/)
    }),
    { numRuns: 30 },
  )
  assert.throws(() => zlib.gunzipSync(Buffer.from('no archive')))
})

test('addresses, and text in pieces', () => {
  for (const text of ['192.0.2.1', '2001:db8::1', '::ffff:192.0.2.1', '256.1.1.1', 'relay.test', ''])
    assert.equal(isIP(text), { '192.0.2.1': 4, '2001:db8::1': 6, '::ffff:192.0.2.1': 6 }[text] ?? 0)
  const word = Buffer.from('Grüße 한')
  const decoder = new StringDecoder('utf8')
  assert.equal([...word].map((byte) => decoder.write(Buffer.of(byte))).join('') + decoder.end(), 'Grüße 한')
  assert.equal(new StringDecoder('hex').write(Buffer.of(1, 255)), '01ff')
})
