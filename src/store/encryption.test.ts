// An encrypted store: nothing that a person wrote can be read in its folder, its backups, or what nodes share; nothing is lost
// with the memory that its databases lie in; without the key there is a clear word.

import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { DiskError } from '../world/disk.ts'
import { realWorld } from '../world/real/world.ts'
import { Seal } from '../world/seal.ts'
import { testWorld } from '../world/testing.ts'
import type { World } from '../world/world.ts'
import { compact } from './bodies/compact.ts'
import { type EmbeddedStore, openStore } from './embedded.ts'
import { deliver, delivery, done, makeAccount, noise, nowMs, summary } from './testing.ts'
import { contentOf, liveSome } from './testing-life.ts'
import { TextIndex } from './text/text-index.ts'
import { backUpStore, restoreStore } from './upkeep/backup.ts'
import { checkStore } from './upkeep/check.ts'
import { rebuildStore } from './upkeep/rebuild.ts'
import { rekeyStore } from './upkeep/rekey.ts'
import { verifyStore } from './upkeep/verify.ts'

const folders: string[] = []
after(() => {
  for (const folder of folders) {
    forgetMemory(folder)
    rmSync(folder, { recursive: true })
  }
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-sealed-'))
  folders.push(folder)
  return folder
}

function worldIn(folder: string): World {
  return realWorld({ folder, dns: () => ({ resolve: () => Promise.reject(new Error('No DNS here.')) }) })
}

/** What a power cut does to the databases of the store there. */
function forgetMemory(folder: string): void {
  const marker = join(folder, 'store/encryption.json')
  if (!existsSync(marker)) return
  const { name } = JSON.parse(readFileSync(marker, 'utf8'))
  const places = [process.env.BORDERPOST_MEMORY, process.env.RUNTIME_DIRECTORY, process.env.XDG_RUNTIME_DIR, '/dev/shm']
  for (const place of places) if (place) rmSync(join(place, `borderpost-${name}`), { recursive: true, force: true })
}

const SECRETS = [
  'bob@private.test',
  'Quartalszahlen',
  'wombat',
  'marsupial',
  'alice@sender.test',
  'Holidays/Crete',
  'zebra',
]

/** Files in which one of the words can be read, as it is or as any usual encoding has it. */
function readable(folder: string): string[] {
  const found: string[] = []
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, name)
    if (!statSync(path).isFile()) continue
    const bytes = readFileSync(path)
    for (const word of SECRETS) {
      for (const form of [
        word,
        word.toLowerCase(),
        Buffer.from(word).toString('base64').slice(0, -4),
        Buffer.from(word).toString('hex'),
      ]) {
        if (bytes.includes(form) || bytes.includes(Buffer.from(form, 'utf16le'))) found.push(`${name}: ${form}`)
      }
    }
  }
  return found
}

/** Everything that a person can have. */
async function live(store: EmbeddedStore, world: World): Promise<number> {
  const bob = await makeAccount(store, 'bob@private.test')
  store.text = await TextIndex.open(world, store, (error) => assert.fail(String(error)))
  const about = summary({ subject: 'Quartalszahlen', preview: 'the wombat is a marsupial' })
  const text = 'Subject: Quartalszahlen\r\nFrom: alice@sender.test\r\n\r\nThe wombat is a marsupial.\r\n'
  for (let n = 0; n < 20; n++) await deliver(store, bob, `${text}${n}\r\n`, { summary: about })
  await deliver(store, bob, text + 'zebra '.repeat(100_000), { summary: about })
  await deliver(store, bob, Buffer.concat([Buffer.from(text), noise('large', 700_000)]), { summary: about })
  await done(store, { kind: 'mailbox.create', account: bob, path: 'Holidays/Crete', nowMs })
  const script = await store.putBlob([Buffer.from('require "fileinto"; fileinto "Holidays/Crete"; # zebra')])
  await done(store, {
    kind: 'script.put',
    account: bob,
    name: 'zebra',
    blob: script,
    atMost: { scripts: 9, bytes: 9999 },
  })
  await done(store, { kind: 'object.put', account: bob, of: 'contact', value: '{"name":"wombat"}', atMost: 9 })
  const mail = await delivery(store, bob, `${text}queued`)
  const times = { acceptedAtMs: nowMs, nextAttemptAtMs: nowMs, expiresAtMs: nowMs, attempts: 0 }
  const path = { reversePath: 'bob@private.test', forwardPath: 'alice@sender.test', domain: 'sender.test' }
  const rest = { state: 'waiting', lastReply: 'wombat', parameters: {}, origin: 'msa', trace: 'zebra' } as const
  await done(store, { kind: 'queue.add', entry: { blob: mail.blob, ...path, ...times, ...rest } })
  await store.text.catchUp()
  return bob
}

test('nothing that a person wrote can be read in the folder, in a backup, after compaction, at any time', async () => {
  const [folder, kept] = [newFolder(), newFolder()]
  const world = worldIn(folder)
  const store = await openStore(world, 'store', { encrypt: 'folder' })
  const sealed = { ...world, disk: world.disk.sealed(new Seal([readKey(folder)]), nameOf(folder)) }
  const bob = await live(store, sealed)
  assert.deepEqual(readable(folder), [])
  assert.equal((await store.mayHold(bob, 'wombat'))?.size, 22, 'found nevertheless')
  assert.equal(await store.snapshot(), undefined)
  await deliver(store, bob, 'The wombat came again.\r\n')
  await compact(store)
  await backUpStore(world, worldIn(kept).disk)
  assert.deepEqual(readable(folder), [])
  const large = store.emails(bob, store.listEmails(bob, {}, 'oldest'))[21]!
  assert.equal(String((await store.readBlob(large.blob, { offset: 0, length: 22 }))!), 'Subject: Quartalszahle')
  assert.deepEqual(await checkStore(store), [])
  await store.close()
  assert.deepEqual(readable(folder), [])
  assert.deepEqual(readable(kept), [])
  // The test would see it.
  assert.ok(readable(memoryOf(folder)).length > 0)

  assert.deepEqual((await verifyStore(world)).findings, [])
  assert.deepEqual((await rebuildStore(world)).lost, [])
  forgetMemory(folder)
  assert.deepEqual((await verifyStore(world)).findings, [])
  const again = await openStore(world)
  assert.equal(again.emails(bob, again.listEmails(bob, {}, 'oldest')).length, 23)
  assert.deepEqual(await checkStore(again), [])
  const before = contentOf(again.database)
  await again.close()

  const elsewhere = newFolder()
  await assert.rejects(
    restoreStore(worldIn(kept).disk, worldIn(elsewhere), 'store', 0),
    /its key is not there: store\.key/,
  )
  cpSync(join(folder, 'store.key'), join(elsewhere, 'store.key'))
  await restoreStore(worldIn(kept).disk, worldIn(elsewhere), 'store', 0)
  const restored = await openStore(worldIn(elsewhere))
  assert.deepEqual(contentOf(restored.database), before)
  await restored.close()
  assert.deepEqual(readable(elsewhere), [])
})

const nameOf = (folder: string) =>
  JSON.parse(readFileSync(join(folder, 'store/encryption.json'), 'utf8')).name as string
const memoryOf = (folder: string) => join('/dev/shm', `borderpost-${nameOf(folder)}`)
const readKey = (folder: string) => Buffer.from(readFileSync(join(folder, 'store.key'), 'utf8').trim(), 'hex')

test('a key that is lost, or another one, is an error that says so; nothing is changed', async () => {
  const folder = newFolder()
  const world = worldIn(folder)
  const store = await openStore(world, 'store', { encrypt: 'folder' })
  const bob = await makeAccount(store)
  await deliver(store, bob, 'words')
  await store.snapshot()
  await deliver(store, bob, 'more words')
  await store.close()
  const key = readFileSync(join(folder, 'store.key'), 'utf8')
  assert.equal(statSync(join(folder, 'store.key')).mode & 0o077, 0)
  forgetMemory(folder)
  const refused = async (expected: RegExp) => {
    for (const attempt of [openStore, verifyStore, rebuildStore]) {
      await assert.rejects(
        attempt(worldIn(folder)),
        (error) => error instanceof DiskError && expected.test(error.message),
      )
    }
  }
  rmSync(join(folder, 'store.key'))
  await refused(/its key is not there: store\.key/)
  writeFileSync(join(folder, 'store.key'), 'ab'.repeat(32))
  await refused(/is encrypted with the key [0-9a-f]{8}, and here is only [0-9a-f]{8}/)
  writeFileSync(join(folder, 'store.key'), 'my cat')
  await refused(/keys of 64 hex digits/)
  writeFileSync(join(folder, 'store.key'), key)
  const again = await openStore(worldIn(folder))
  assert.equal(again.listEmails(bob, {}, 'oldest').length, 2)
  await again.close()
})

test('a key in a file elsewhere, or in the environment', async () => {
  const [folder, other] = [newFolder(), newFolder()]
  const place = join(other, 'key')
  await assert.rejects(openStore(worldIn(folder), 'store', { encrypt: place }), /its key is not there/)
  writeFileSync(place, `${'cd'.repeat(32)}\n`)
  const store = await openStore(worldIn(folder), 'store', { encrypt: place })
  await makeAccount(store)
  await store.close()
  assert.ok(!existsSync(join(folder, 'store.key')))
  const again = await openStore(worldIn(folder))
  assert.equal(again.accounts().length, 1)
  await again.close()
  process.env.OUR_STORE_KEY = 'cd'.repeat(32)
  const third = await openStore(worldIn(folder), 'store', { encrypt: 'env:OUR_STORE_KEY' })
  assert.equal(third.accounts().length, 1)
  await third.close()
})

test('the machine stops at every moment: the databases are gone each time, and what was acknowledged is there', async (t) => {
  let stopped = 0
  for (let moment = 40; moment < 1400; moment += 97) {
    const { world, run, host, simulation } = testWorld()
    const told: string[] = []
    const bob = await run(async () => {
      const store = await openStore(world, 'store', { encrypt: 'folder', smallBytes: 2000 })
      const bob = await makeAccount(store)
      void (async () => {
        for (let n = 0; n < 40; n++) {
          await Promise.all(
            [0, 1, 2].map(async (m) => {
              const text = `${n}.${m} `.padEnd(m === 2 ? 300_000 : 200, 'words ')
              const [result] = await store.commit([await delivery(store, bob, text)])
              if (result?.ok) told.push(text)
            }),
          )
        }
      })().catch(() => {})
      return bob
    })
    let events = 0
    simulation.trace(() => events++)
    await simulation.run(() => events === moment)
    host.crash()
    stopped++
    const after = host.restart()
    await run(async () => {
      const store = await openStore(after)
      const emails = store.emails(bob, store.listEmails(bob, {}, 'oldest'))
      const there = await Promise.all(emails.map(async ({ blob }) => String(await store.readBlob(blob))))
      assert.equal(new Set(there).size, there.length)
      for (const text of told) assert.ok(there.includes(text), `${text.slice(0, 6)} after ${moment} events`)
      assert.deepEqual(await checkStore(store), [])
      await store.close()
      assert.deepEqual((await verifyStore(after)).findings, [])
    })
  }
  t.diagnostic(`stopped ${stopped} times`)
})

test('a store is encrypted later, and gets another key; ended at any moment, that goes on when it is asked again', async () => {
  for (const moments of [
    [20, 90],
    [150, 30],
    [300, 310],
    [1e9, 1e9],
  ]) {
    const { world, run, host, simulation } = testWorld()
    let at = world
    const content = await run(async () => {
      const store = await openStore(at)
      await liveSome(store, 15)
      const content = contentOf(store.database)
      await store.close()
      return content
    })
    const keys: string[] = []
    for (const moment of moments) {
      let isDone = false
      let events = 0
      void rekeyStore(at).then(() => {
        isDone = true
      })
      simulation.trace(() => events++)
      await simulation.run(() => isDone || events >= moment)
      if (!isDone) {
        host.crash()
        at = host.restart()
        await run(() => rekeyStore(at))
      }
      keys.push(String(await run(() => at.disk.readFile('store.key'))))
    }
    assert.ok(keys[0] !== keys[1] && keys.every((key) => /^[0-9a-f]{64}\n$/.test(key)), keys.join())
    await run(async () => {
      const store = await openStore(at)
      const now = contentOf(store.database)
      for (const table of Object.keys(content)) {
        if (table !== 'blob' && table !== 'journal') assert.deepEqual(now[table], content[table], table)
      }
      assert.deepEqual(await checkStore(store), [])
      await store.close()
      assert.deepEqual((await verifyStore(at)).findings, [])
    })
  }
})

test('after encrypting a store that was not, nothing of it can be read, and a description that asks for it has it', async () => {
  const folder = newFolder()
  const world = worldIn(folder)
  const store = await openStore(world)
  await live(store, world)
  await store.close()
  assert.ok(readable(folder).length > 0)
  await assert.rejects(openStore(world, 'store', { encrypt: 'folder' }), /borderpost store rekey/)
  await rekeyStore(world)
  assert.deepEqual(readable(folder), [])
  const again = await openStore(worldIn(folder), 'store', { encrypt: 'folder' })
  assert.deepEqual(await checkStore(again), [])
  await again.close()
  assert.deepEqual(readable(folder), [])
})

test('a seal opens with its key and its context, as long as no bit of it has changed', () => {
  const [one, two] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
  const bytes = Buffer.from('words')
  const sealed = new Seal([one]).seal(bytes, 'here')
  assert.deepEqual(new Seal([two, one]).open(sealed, 'here'), bytes)
  assert.notDeepEqual(new Seal([one]).seal(bytes, 'here'), sealed, 'never twice the same')
  assert.throws(() => new Seal([two]).open(sealed, 'here'), /is encrypted with the key/)
  assert.throws(() => new Seal([one]).open(sealed, 'there'), DiskError)
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Buffer.from(sealed)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    assert.throws(() => new Seal([one]).open(changed, 'here'), DiskError)
  }
  for (let end = 0; end < sealed.length; end++) {
    assert.throws(() => new Seal([one]).open(sealed.subarray(0, end), 'here'), DiskError)
  }
})
