// One contract for the disks of both worlds, then what only one of them can show.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { type Disk, DiskError } from './disk.ts'
import { RealDisk } from './real/disk.ts'
import { simulate } from './simulated/simulation.ts'
import { testWorld } from './testing.ts'

const echoModule = {
  url: new URL('./testing/echo-database.ts', import.meta.url).href,
  load: () => import('./testing/echo-database.ts'),
}

interface DiskCase {
  readonly disk: Disk
  run<T>(work: Promise<T>): Promise<T>
  end(): void
}

function realCase(): DiskCase {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-disk-'))
  return { disk: new RealDisk(folder), run: (work) => work, end: () => rmSync(folder, { recursive: true }) }
}

function simulatedCase(): DiskCase {
  const { world, run } = testWorld()
  return { disk: world.disk, run, end: () => {} }
}

/** 256 KiB of tmpfs, where we may mount one. */
function mountSmallDisk(): { readonly mount: string; end(): void } | undefined {
  const mount = mkdtempSync(join(tmpdir(), 'borderpost-full-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', mount], { stdio: 'ignore' })
  } catch {
    rmSync(mount, { recursive: true })
    return undefined
  }
  return {
    mount,
    end: () => {
      execFileSync('umount', ['-l', mount])
      rmSync(mount, { recursive: true })
    },
  }
}

for (const [name, make] of [
  ['real', realCase],
  ['simulated', simulatedCase],
] as const) {
  describe(`the ${name} disk`, () => {
    const diskTest = (title: string, body: (disk: Disk) => Promise<void>) =>
      test(title, async () => {
        const { disk, run, end } = make()
        try {
          await run(body(disk))
        } finally {
          end()
        }
      })

    diskTest('appends in order, at known offsets, and reads them back', async (disk) => {
      const file = await disk.open('segments/0001', true)
      const offsets = await Promise.all([
        file.append([Buffer.from('one '), Buffer.from('two ')]),
        file.append([Buffer.from('three ')]),
        file.append([]),
        file.append(Array.from({ length: 3000 }, () => Buffer.from('x'))),
      ])
      await file.sync()
      assert.deepEqual(offsets, [0, 8, 14, 14])
      assert.equal(file.size, 3014)
      assert.equal((await file.read(4, 9)).toString(), 'two three')
      assert.equal((await file.read(3010, 100)).toString(), 'xxxx')
      assert.equal((await file.read(9999, 10)).length, 0)
      await file.truncate(3)
      assert.equal(await file.append([Buffer.from('!')]), 3)
      await Promise.all([file.sync(), file.sync()])
      await file.close()
      const again = await disk.open('segments/0001', false)
      assert.equal((await again.read(0, 10)).toString(), 'one!')
      await again.close()
      assert.deepEqual(await disk.list('segments'), ['0001'])
    })

    diskTest('replaces, renames and removes whole files', async (disk) => {
      assert.equal(await disk.readFile('a/b'), undefined)
      await disk.writeFile('a/b', Buffer.from('old'))
      await disk.writeFile('a/b', Buffer.from('new'), { secret: true })
      assert.equal((await disk.readFile('a/b'))?.toString(), 'new')
      await disk.rename('a/b', 'c/d')
      assert.deepEqual(await disk.list('a'), [])
      assert.deepEqual(await disk.list(''), await disk.list('.'))
      assert.equal((await disk.readFile('c/d'))?.toString(), 'new')
      await disk.remove('c/d')
      await disk.remove('c/d')
      assert.deepEqual(await disk.list('c'), [])
      assert.deepEqual(await disk.list('nowhere'), [])
      assert.ok((await disk.freeBytes()) > 0)
    })

    diskTest('tells a missing file, and refuses to leave its folder', async (disk) => {
      await assert.rejects(disk.open('missing', false), { name: 'DiskError', code: 'missing' })
      await assert.rejects(disk.rename('missing', 'x'), { name: 'DiskError', code: 'missing' })
      for (const path of ['../x', '/etc/passwd', 'a/../../x', 'a\0b', '']) {
        await assert.rejects(async () => disk.readFile(path), DiskError)
      }
    })

    diskTest('gives a folder to one holder only', async (disk) => {
      await disk.lock('store')
      await assert.rejects(disk.lock('store'), { name: 'DiskError', code: 'locked' })
      await disk.lock('other')
    })

    diskTest('has databases whose readers see what is committed', async (disk) => {
      assert.throws(() => disk.openDatabase('db/mail.db', 'read'), { name: 'DiskError', code: 'missing' })
      const writer = disk.openDatabase('db/mail.db', 'write')
      writer.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, body BLOB)')
      const insert = writer.prepare('INSERT INTO t (name, body) VALUES (?, ?)')
      assert.equal(insert.run('a', Buffer.from([1, 2])).lastInsertRowid, 1)
      writer.settleLog()
      insert.run('b', null)
      writer.settleLog()
      assert.throws(() => insert.run('a', null), /UNIQUE/)
      const reader = disk.openDatabase('db/mail.db', 'read')
      assert.equal(reader.prepare('SELECT count(*) AS n FROM t').get()?.n, 2)
      assert.deepEqual([...(reader.prepare('SELECT body FROM t WHERE id = ?').get(1)!.body as Uint8Array)], [1, 2])
      const names: unknown[] = []
      const select = reader.prepare('SELECT name FROM t ORDER BY id')
      for (const row of select.iterate()) names.push(row.name, select.all().length)
      assert.deepEqual(names, ['a', 2, 'b', 2])
      assert.throws(() => reader.exec('DELETE FROM t'))
      assert.throws(() => reader.prepare('DELETE FROM t').run())
      reader.close()
      writer.settleLog()
      writer.close()
    })

    diskTest('runs the owner of a database, one request after another', async (disk) => {
      const owner = await disk.ownDatabase('owned.db', echoModule)
      const answers = await Promise.all([1, 2, 3].map((value) => owner.request({ insert: value })))
      assert.deepEqual(answers, [[1], [1, 2], [1, 2, 3]])
      await assert.rejects(owner.request({ fail: 'plain' }), { name: 'RangeError', code: 'E_TEST', message: 'plain' })
      await assert.rejects(
        owner.request({ fail: 'disk' }),
        (error) => error instanceof DiskError && error.code === 'full',
      )
      await assert.rejects(owner.request({ insert: 3 }), /UNIQUE/)
      const reader = disk.openDatabase('owned.db', 'read')
      assert.equal(reader.prepare('SELECT count(*) AS n FROM numbers').get()?.n, 3)
      reader.close()
      await owner.close()
      await assert.rejects(owner.request({ insert: 4 }), { name: 'DiskError' })
      const again = await disk.ownDatabase('owned.db', echoModule)
      assert.deepEqual(await again.request({ insert: 4 }), [1, 2, 3, 4])
      await again.close()
    })

    diskTest('copies a database at one moment while it is written, over an older copy too', async (disk) => {
      const writer = disk.openDatabase('mail.db', 'write')
      writer.exec('CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1)')
      await disk.copyDatabase('mail.db', 'copies/mail.db')
      const insert = writer.prepare('INSERT INTO t VALUES (?)')
      insert.run(2)
      const copying = disk.copyDatabase('mail.db', 'copies/mail.db')
      await copying
      insert.run(3)
      const copy = disk.openDatabase('copies/mail.db', 'read')
      assert.deepEqual(
        copy
          .prepare('SELECT n FROM t ORDER BY n')
          .all()
          .map(({ n }) => n),
        [1, 2],
      )
      copy.close()
      writer.close()
      await assert.rejects(disk.copyDatabase('none.db', 'copies/none.db'), { code: 'missing' })
      // A copy is a file like others.
      const file = await disk.open('copies/mail.db', false)
      const bytes = await file.read(0, file.size)
      await file.close()
      await disk.writeFile('elsewhere.db', bytes)
      const elsewhere = disk.openDatabase('elsewhere.db', 'read')
      assert.equal(elsewhere.prepare('SELECT count(*) AS n FROM t').get()?.n, 2)
      elsewhere.close()
    })

    diskTest('gives the owner of a database files beside it: durable, in order, cut where it says', async (disk) => {
      const owner = await disk.ownDatabase('beside/owned.db', echoModule)
      const log = (request: object) => owner.request({ log: request })
      assert.deepEqual(await log({ list: 'logs' }), [])
      await assert.rejects(log({ open: 'logs/a', create: false }), { name: 'DiskError', code: 'missing' })
      assert.equal(await log({ open: 'logs/a', create: true }), 0)
      assert.equal(await log({ append: ['one', '', 'two'] }), 6)
      assert.equal(await log({ append: Array.from({ length: 3000 }, () => '.') }), 3006)
      assert.equal(await log({ truncate: 4 }), 4)
      assert.equal(await log({ append: ['!'] }), 5)
      assert.equal(await log({ read: [0, 100] }), 'onet!')
      assert.equal(await log({ read: [3, 1] }), 't')
      assert.deepEqual(await log({ list: 'logs' }), ['a'])
      assert.equal(String(await disk.readFile('beside/logs/a')), 'onet!')
      assert.equal(await log({ open: 'logs/a', create: true }), 5)
      await log({ remove: 'logs/a' })
      await log({ remove: 'logs/a' })
      assert.deepEqual(await log({ list: 'logs' }), [])
      await owner.close()
    })

    diskTest('removes a database that is closed', async (disk) => {
      disk.openDatabase('index.db', 'write').close()
      await disk.remove('index.db')
      assert.throws(() => disk.openDatabase('index.db', 'read'), { code: 'missing' })
    })
  })
}

test('a real database that is open cannot be touched as a file', async () => {
  const { disk, end } = realCase()
  const database = disk.openDatabase('mail.db', 'write')
  for (const path of ['mail.db', 'mail.db-shm', './mail.db']) await assert.rejects(disk.readFile(path), DiskError)
  database.close()
  assert.ok(await disk.readFile('mail.db'))
  end()
})

test('a full real disk refuses a commit as full, and an owner that nobody closed lets the process end', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-owner-'))
  const program = `
    import { RealDisk } from ${JSON.stringify(new URL('./real/disk.ts', import.meta.url).href)}
    const owner = await new RealDisk(${JSON.stringify(folder)}).ownDatabase('owned.db', ${JSON.stringify(echoModule)})
    console.log(JSON.stringify(await owner.request({ insert: 1 })))`
  const output = execFileSync(process.execPath, ['--input-type=module-typescript', '-e', program], { timeout: 10_000 })
  assert.equal(output.toString(), '[1]\n')
  rmSync(folder, { recursive: true })
  const small = mountSmallDisk()
  if (small === undefined) return t.skip('needs the right to mount a tmpfs')
  try {
    const database = new RealDisk(small.mount).openDatabase('mail.db', 'write')
    database.exec('CREATE TABLE t (body BLOB)')
    const insert = database.prepare('INSERT INTO t VALUES (?)')
    assert.throws(() => insert.run(Buffer.alloc(400_000)), { name: 'DiskError', code: 'full' })
    insert.run(Buffer.alloc(10))
    assert.equal(database.prepare('SELECT count(*) AS n FROM t').get()?.n, 1)
    database.close()
  } finally {
    small.end()
  }
})

test('a real disk that is full refuses, keeps what it had and lives on', async (t) => {
  const small = mountSmallDisk()
  if (small === undefined) return t.skip('needs the right to mount a tmpfs')
  try {
    const disk = new RealDisk(small.mount)
    const file = await disk.open('log', true)
    await file.append([Buffer.alloc(100_000, 'a')])
    const [refused, alsoRefused] = await Promise.allSettled([
      file.append([Buffer.alloc(100_000, 'b'), Buffer.alloc(100_000, 'b')]),
      disk.writeFile('whole', Buffer.alloc(300_000)),
    ])
    assert.equal(refused.status === 'rejected' && (refused.reason as DiskError).code, 'full')
    assert.equal(alsoRefused.status === 'rejected' && (alsoRefused.reason as DiskError).code, 'full')
    assert.equal(file.size, 100_000)
    assert.deepEqual(await disk.list(''), ['log'])
    assert.equal(await file.append([Buffer.from('c')]), 100_000)
    await file.sync()
    assert.equal((await file.read(99_999, 10)).toString(), 'ac')
    await file.close()
  } finally {
    small.end()
  }
})

test('the lock of a killed process is free again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-lock-'))
  const program = `
    import { RealDisk } from ${JSON.stringify(new URL('./real/disk.ts', import.meta.url).href)}
    await new RealDisk(${JSON.stringify(folder)}).lock('store')
    const other = new RealDisk(${JSON.stringify(folder)})
    process.kill(process.pid, 'SIGKILL')`
  assert.throws(() => execFileSync(process.execPath, ['--input-type=module-typescript', '-e', program]))
  await new RealDisk(folder).lock('store')
  await assert.rejects(new RealDisk(folder).lock('store'), (error) => {
    return error instanceof DiskError && error.code === 'locked' && error.message.includes(`process ${process.pid}`)
  })
  rmSync(folder, { recursive: true })
})

test('the simulated disk is full, fails and recovers as told', async () => {
  const simulation = simulate({ seed: 7 })
  const host = simulation.host('store', ['192.0.2.1'], { capacityBytes: 1000 })
  const { disk } = host.world
  await simulation.finish(
    (async () => {
      const file = await disk.open('log', true)
      await file.append([Buffer.alloc(900)])
      await assert.rejects(file.append([Buffer.alloc(101)]), { code: 'full' })
      assert.equal(await disk.freeBytes(), 100)
      assert.equal(await file.append([Buffer.alloc(100)]), 900)
      host.disk.fault({ operation: 'append', code: 'failed', path: 'log' })
      await assert.rejects(file.append([]), { code: 'failed' })
      await file.append([])
      host.disk.fault({ operation: 'sync', code: 'failed' })
      await assert.rejects(file.sync(), { code: 'failed' })
      await assert.rejects(file.sync(), /given up/)
    })(),
  )
})

test('a crash keeps what was synced and committed, and loses by seed what was not', async () => {
  const fates = new Set<string>()
  for (let seed = 0; seed < 40; seed++) {
    const simulation = simulate({ seed })
    const host = simulation.host('store', ['192.0.2.1'])
    const { disk } = host.world
    let afterCrash = ''
    const database = disk.openDatabase('mail.db', 'write')
    database.exec('CREATE TABLE t (id INTEGER)')
    database.exec('INSERT INTO t VALUES (1)')
    database.exec('BEGIN; INSERT INTO t VALUES (2)')
    await simulation.finish(
      (async () => {
        await disk.lock('store')
        const file = await disk.open('log', true)
        await file.append([Buffer.from('synced;')])
        await file.sync()
        await file.append([Buffer.from('abcd')])
        await file.append([Buffer.from('efgh')])
      })(),
    )
    void disk.writeFile('late', Buffer.from('x')).then(() => {
      afterCrash = 'the dead wrote'
    })
    host.crash()
    assert.throws(() => database.exec('COMMIT'), /crashed/)
    assert.throws(() => host.world, /down/)
    const again = host.restart().disk
    await simulation.finish(again.lock('store'))
    const bytes = await simulation.finish(again.readFile('log'))
    assert.ok(bytes?.toString().startsWith('synced;'))
    fates.add(bytes!.toString().replaceAll('\0', '.'))
    assert.equal(await simulation.finish(again.readFile('late')), undefined)
    assert.equal(afterCrash, '')
    assert.equal(again.openDatabase('mail.db', 'read').prepare('SELECT count(*) AS n FROM t').get()?.n, 1)
  }
  assert.ok(fates.has('synced;') && fates.has('synced;abcdefgh') && fates.size > 6, [...fates].join(' '))
})
