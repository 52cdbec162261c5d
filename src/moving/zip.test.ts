import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { strToU8, unzipSync, zipSync } from 'fflate'
import { memoryPlace } from './testing.ts'
import { ZipError, zipPlace } from './zip.ts'
import { zipUp } from './zip-writer.ts'

const random = (bytes: Buffer) => ({
  sizeBytes: bytes.length,
  read: async (offset: number, length: number) => bytes.subarray(offset, offset + length),
})

async function contents(bytes: Buffer): Promise<Record<string, string>> {
  const place = await zipPlace(random(bytes))
  const found: Record<string, string> = {}
  const look = async (folder: string) => {
    for (const { name, isFolder } of await place.list(folder)) {
      const path = folder === '' ? name : `${folder}/${name}`
      if (isFolder) await look(path)
      else found[path] = Buffer.concat(await Array.fromAsync(place.stream(path))).toString('latin1')
    }
  }
  await look('')
  return found
}

async function packed(files: Readonly<Record<string, string | Uint8Array>>): Promise<Buffer> {
  const [out, list]: [Uint8Array[], Uint8Array[]] = [[], []]
  const into = (pieces: Uint8Array[]) => async (bytes: Uint8Array) => void pieces.push(bytes)
  await zipUp(
    memoryPlace(files),
    { append: into(out) },
    {
      append: into(list),
      stream: async function* () {
        yield* list
      },
    },
  )
  return Buffer.concat(out)
}

test('what is packed here is read here and elsewhere; what is packed elsewhere is read here', async () => {
  const path = fc.array(
    fc.stringMatching(/^[a-zü日.:,= -]{1,8}$/).filter((part) => !/^\.+$/.test(part)),
    { minLength: 1, maxLength: 3 },
  )
  const files = fc.dictionary(
    path.map((parts) => `f/${parts.join('/')}.x`),
    fc.string({ unit: 'binary-ascii', maxLength: 3000 }),
    { maxKeys: 8 },
  )
  await fc.assert(
    fc.asyncProperty(files, async (given) => {
      // A file cannot be a folder, too.
      const paths = Object.keys(given).filter((one) => !Object.keys(given).some((other) => other.startsWith(`${one}/`)))
      const some = Object.fromEntries(paths.map((one) => [one, given[one]!]))
      const zip = await packed(some)
      assert.deepEqual(await contents(zip), some)
      const elsewhere = Object.entries(unzipSync(zip)).map(([name, bytes]) => [
        name,
        Buffer.from(bytes).toString('latin1'),
      ])
      assert.deepEqual(Object.fromEntries(elsewhere), some)
      const entries = Object.entries(some).map(([name, text]) => [name, strToU8(text, true)])
      assert.deepEqual(await contents(Buffer.from(zipSync(Object.fromEntries(entries)))), some)
    }),
    { numRuns: 60 },
  )
})

test('times are kept, and paths that lead elsewhere are not followed', async () => {
  const [[, there]] = [[0, await (await zipPlace(random(await packed({ a: 'b' })))).stat('a')]] as const
  assert.equal(there?.modifiedMs, Date.UTC(2026, 10, 20, 12))
  const evil = Buffer.from(
    zipSync({ '../up': strToU8('x'), '/root': strToU8('x'), 'a\\b': strToU8('x'), good: strToU8('x') }),
  )
  assert.deepEqual(await contents(evil), { 'a/b': 'x', good: 'x' })
})

test('archives that lie are refused', async () => {
  const mail = 'Subject: x\r\n\r\n'.repeat(500)
  const whole = Buffer.from(zipSync({ mail: strToU8(mail) }, { level: 9 }))
  const central = whole.indexOf('PK\x01\x02')
  const end = whole.indexOf('PK\x05\x06')
  const changed = (change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(whole)
    change(bytes)
    return bytes
  }
  const cases: readonly (readonly [string, Buffer, RegExp])[] = [
    ['nothing', Buffer.alloc(0), /no directory/],
    ['torn', whole.subarray(0, whole.length - 30), /no directory/],
    [
      'smaller than it is',
      changed((bytes) => bytes.writeUInt32LE(100, central + 24)),
      /larger than the directory says/,
    ],
    ['other bytes', changed((bytes) => (bytes[central + 16]! ^= 1)), /not what was put/],
    ['a bomb by its own word', changed((bytes) => bytes.writeUInt32LE(0xffff_fff0, central + 24)), /that is no mail/],
    ['encrypted', changed((bytes) => (bytes[central + 8]! |= 1)), /encrypted/],
    ['another method', changed((bytes) => bytes.writeUInt16LE(93, central + 10)), /not known here/],
    ['more entries than there are', changed((bytes) => bytes.writeUInt16LE(9, end + 10)), /ends early/],
    ['noise for data', changed((bytes) => bytes.fill(0xff, 40, 60)), /cannot be unpacked|not what was put|larger/],
  ]
  for (const [what, bytes, reason] of cases) {
    await assert.rejects(
      contents(bytes),
      (error: Error) => error instanceof ZipError && reason.test(error.message),
      what,
    )
  }
})

test('entries that share bytes are refused', async () => {
  const one = Buffer.from(zipSync({ a: strToU8('x'.repeat(1000)), b: strToU8('y') }))
  const second = one.indexOf('PK\x01\x02', one.indexOf('PK\x01\x02') + 4)
  one.writeUInt32LE(0, second + 42)
  await assert.rejects(contents(one), /overlap/)
})

test('a bomb that tells its size inflates no further than it tells', async () => {
  const packedBytes = deflateRawSync(Buffer.alloc(50_000_000))
  const zip = Buffer.from(zipSync({ a: [packedBytes, { level: 0 }] }))
  const central = zip.indexOf('PK\x01\x02')
  zip.writeUInt16LE(8, central + 10)
  zip.writeUInt32LE(1000, central + 24)
  await assert.rejects(contents(zip), /larger than the directory says/)
})
