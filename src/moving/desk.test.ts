import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { strToU8, unzipSync, zipSync } from 'fflate'
import { openStore } from '../store/embedded.ts'
import { deliver, done, makeAccount } from '../store/testing.ts'
import { realWorld } from '../world/real/world.ts'
import { type TestWorld, testWorld } from '../world/testing.ts'
import { MovingDesk, type MovingOptions, type MovingRun } from './desk.ts'
import { bringIn } from './import.ts'
import { mailboxesAt } from './sources.ts'
import { memoryPlace } from './testing.ts'
import { oldHouse } from './testing-house.ts'

const letter = (at: number) => `From a@b.test Mon Nov 23 10:00:00 2026\nSubject: ${at}\n\n${'x'.repeat(at)}\n\n`
const letters = (count: number) => Buffer.from(Array.from({ length: count }, (_, at) => letter(at)).join(''))

async function deskAt(there: Pick<TestWorld, 'world'>, more: Partial<MovingOptions> = {}) {
  const store = await openStore(there.world)
  const account = store.account(store.accountByAddress('bob@here.test')?.id ?? (await makeAccount(store)))!
  const faults: unknown[] = []
  const onFault = (error: unknown) => void faults.push(error)
  const desk = new MovingDesk({ store, world: there.world, privateDestinations: true, onFault, ...more })
  const ended = async (): Promise<MovingRun> => {
    for (;;) {
      const { run } = await desk.view(account)
      if (run !== null && run.state !== 'running') return run
      await there.world.clock.sleep(10)
    }
  }
  const upload = async (bytes: Uint8Array, name = 'mail', pieceBytes = 10_000) => {
    assert.equal(await desk.beginUpload(account, name, bytes.length), undefined)
    for (let at = (await desk.view(account)).upload!.receivedBytes; at < bytes.length; at += pieceBytes)
      await desk.addToUpload(account, at, bytes.subarray(at, at + pieceBytes))
  }
  const total = () => store.mailboxes(account.id).reduce((sum, one) => sum + one.total, 0)
  return { store, account, desk, faults, ended, upload, total }
}

test('a file comes in pieces, over a crash, and its mail comes in once', async () => {
  const there = testWorld()
  const bytes = letters(300)
  await there.run(async () => {
    const { desk, account } = await deskAt(there)
    assert.equal(await desk.beginUpload(account, 'mail', bytes.length), undefined)
    assert.equal((await desk.addToUpload(account, 0, bytes.subarray(0, 5000)))?.receivedBytes, 5000)
    // A piece for another place, or beyond the end, changes nothing.
    for (const [at, piece] of [[4000, 5000] as const, [5000, bytes.length] as const])
      assert.equal((await desk.addToUpload(account, at, bytes.subarray(0, piece)))?.receivedBytes, 5000)
    assert.equal(await desk.bring(account), 'The file is not here as a whole.')
  })
  there.host.crash()
  there.host.restart()
  await there.run(async () => {
    const { desk, account, upload, ended, store } = await deskAt(there)
    assert.deepEqual((await desk.view(account)).upload, {
      name: 'mail',
      sizeBytes: bytes.length,
      receivedBytes: 5000,
    })
    await upload(bytes)
    assert.equal(await desk.bring(account), undefined)
    assert.equal(await desk.bring(account), 'Mail of yours is coming in already.')
    const run = await ended()
    assert.deepEqual([run.state, run.from, run.brought, run.notes], ['done', 'mail', 300, []])
    assert.equal((await desk.view(account)).upload, null)
    await upload(bytes)
    await desk.bring(account)
    assert.deepEqual([(await ended()).brought, (await ended()).known], [0, 300])
    assert.equal(store.mailboxByUse(account.id, 'inbox')!.total, 300)
    await desk.close()
    await store.close()
  })
})

test('an import that is stopped, or has no room, says so, keeps its file, and goes on when it is run again', async () => {
  const there = testWorld()
  await there.run(async () => {
    const { desk, account, store, upload, ended, total } = await deskAt(there)
    await upload(letters(400))
    await desk.bring(account)
    while ((await desk.view(account)).run!.brought === 0) await there.world.clock.sleep(1)
    desk.cancel(account)
    const run = await ended()
    assert.deepEqual([run.state, run.reason], ['stopped', 'It was stopped.'])
    assert.ok(total() > 0 && total() < 400)
    await done(store, { kind: 'quota.put', account: account.id, bytes: null, messages: total() + 10 })
    await desk.bring(account)
    assert.match((await ended()).reason ?? '', /^The account is full\./)
    await done(store, { kind: 'quota.put', account: account.id, bytes: null, messages: null })
    assert.equal(await desk.bring(account), undefined)
    assert.deepEqual([(await ended()).state, total()], ['done', 400])
    await desk.close()
    await store.close()
  })
})

test('a zip comes in with its folders; what holds no mail, or is damaged, is told', async () => {
  const there = testWorld()
  await there.run(async () => {
    const { desk, account, upload, ended, faults, store } = await deskAt(there)
    const zip = zipSync({ 'Mail/Familie': letters(3), 'Mail/Sent': letters(2) })
    await upload(zip, 'mail.zip')
    await desk.bring(account)
    assert.deepEqual([(await ended()).state, (await ended()).brought], ['done', 5])
    assert.equal(store.mailboxByPath(account.id, 'Mail/Familie')?.total, 3)
    for (const [bytes, reason] of [
      [strToU8('Dear Bob,\n'), /holds no mail that is known here/],
      [zip.subarray(0, zip.length - 30), /^The archive is damaged/],
    ] as const) {
      await upload(bytes, 'x')
      await desk.bring(account)
      assert.match((await ended()).reason ?? '', reason)
      assert.equal((await ended()).state, 'failed')
      assert.equal(await desk.forget(account), undefined)
    }
    assert.deepEqual([faults, await desk.view(account)], [[], { upload: null, run: null }])
    await desk.close()
    await store.close()
  })
})

test('what the disk or the account cannot hold is refused before it is sent', async () => {
  const there = testWorld()
  await there.run(async () => {
    const { desk, account, store } = await deskAt(there)
    await done(store, { kind: 'quota.put', account: account.id, bytes: 1000, messages: null })
    assert.match((await desk.beginUpload(account, 'mail', 1001)) ?? '', /larger than what your account may hold/)
    await done(store, { kind: 'quota.put', account: account.id, bytes: null, messages: null })
    assert.match((await desk.beginUpload(account, 'mail', 2 ** 41)) ?? '', /There is no room/)
    for (const size of [0, -1, Number.NaN]) assert.match((await desk.beginUpload(account, 'a', size)) ?? '', /empty/)
    await desk.close()
    await store.close()
  })
})

test('an account at another server is copied; a wrong password, a private address, an unknown host are told', async () => {
  const there = testWorld()
  await there.run(async () => {
    const old = await oldHouse(there, 993)
    for (let at = 0; at < 30; at++) await deliver(old.store, old.bob, `Subject: ${at}\r\n\r\nx\r\n`)
    const trusted = old.account.host.tls.trusted!
    const dns = {
      resolve: async (name: string, type: string) =>
        name === 'old.test' && type === 'A'
          ? ({ status: 'records', records: ['192.0.2.9'], ttlS: 60, authenticated: false } as never)
          : name === 'inside.test' && type === 'A'
            ? ({ status: 'records', records: ['10.0.0.1'], ttlS: 60, authenticated: false } as never)
            : ({ status: 'no-name', authenticated: false } as never),
    }
    const world = { ...there.world, dns }
    const { desk, account, ended, store, total } = await deskAt(there, { world, trusted, privateDestinations: false })
    const { user, password } = old.account
    const copy = async (host: string, secret = password) => {
      assert.equal(await desk.copy(account, { host, user, password: secret }), undefined)
      return ended()
    }
    assert.match((await copy('old.test', 'wrong')).reason ?? '', /sign|password|refus|NO/i)
    assert.match((await copy('inside.test')).reason ?? '', /no address that can be reached/)
    assert.match((await copy('none.test')).reason ?? '', /no address that can be reached/)
    for (const host of ['', 'localhost', '127.0.0.1', 'a b.test', 'old.test:25'])
      assert.equal(await desk.copy(account, { host, user, password }), 'Name the server as imap.example.com.')
    const run = await copy(' Old.test ')
    assert.deepEqual([run.state, run.brought, run.from, total()], ['done', 30, `${user} at old.test`, 30])
    assert.ok(!JSON.stringify(await desk.view(account)).includes(password))
    await desk.close()
    await store.close()
    await old.store.close()
  })
})

test('all mail goes out as an archive in either format, and comes in again as it was', async (t) => {
  // Packing is done beside the thread, which virtual time does not wait for.
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-desk-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const world = realWorld({ folder, dns: () => ({ resolve: () => Promise.reject(new Error('no DNS here')) }) })
  const { desk, account, store } = await deskAt({ world })
  for (let at = 0; at < 40; at++) {
    const mailboxes = [at % 2 ? 'inbox' : 'archive'] as const
    await deliver(store, account.id, `Subject: ${at}\r\n\r\n${'x'.repeat(at * 97)}\r\n`, {
      mailboxes,
      flags: at % 3 ? ['\\Seen'] : ['Wichtig'],
    })
  }
  const seen = (id: number, use: string) =>
    store
      .placements(id, store.mailboxByUse(id, use)!.id)
      .map(({ uid, flags, email }) => [uid, [...flags].sort(), store.email(id, email)!.blob.hash])
  for (const format of ['mbox', 'maildir'] as const) {
    const pieces: Uint8Array[] = []
    await desk.take(account, format, { append: async (bytes) => void pieces.push(Uint8Array.from(bytes)) })
    const anna = await makeAccount(store, `anna-${format}@here.test`)
    const files = unzipSync(Buffer.concat(pieces))
    const result = await bringIn({ store, clock: world.clock, account: anna }, await mailboxesAt(memoryPlace(files)))
    assert.deepEqual([result.brought, result.notes], [40, []])
    for (const use of ['inbox', 'archive']) assert.deepEqual(seen(anna, use), seen(account.id, use))
  }
  assert.deepEqual(await world.disk.list('moving'), [])
  // Who listens no longer ends it.
  const broken = { append: () => Promise.reject(new Error('gone')) }
  await assert.rejects(desk.take(account, 'maildir', broken), /gone/)
  assert.deepEqual([await world.disk.list('moving'), desk.isTaking(account)], [[], false])
  await desk.close()
  await store.close()
})
