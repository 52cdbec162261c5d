// Large requests at the sending API over real sockets: what has come of them lies in files, refusals come before the body,
// and whoever breaks off leaves nothing.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { type ClientRequest, request } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { setTimeout as pass } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Disk, DiskError } from '../world/disk.ts'
import { Seal } from '../world/seal.ts'
import { Spool } from './spool.ts'
import { ANNA, atSender, CARL } from './testing-sending.ts'

const MB = 1024 * 1024
const PATH = `/api/send/raw?from=${ANNA}&to=${CARL}`

async function listening(t: TestContext) {
  const it = await atSender(t)
  await it.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = it.app.server.address() as { port: number }
  const spooled = () => {
    const folder = join(it.folder, 'sending')
    return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []
  }
  /** A request whose body the test sends; what is answered. */
  const open = (headers: Record<string, string | number>) => {
    const sent = request({
      ...{ host: '127.0.0.1', port, path: PATH, method: 'POST', agent: false },
      headers: { authorization: it.authorization, 'content-type': 'message/rfc822', ...headers },
    })
    const answered = new Promise<{ status: number; headers: object; body: string }>((resolve, reject) => {
      sent.on('response', (answer) => {
        let body = ''
        answer.on('data', (chunk) => {
          body += chunk
        })
        answer.on('end', () => resolve({ status: answer.statusCode!, headers: answer.headers, body }))
      })
      sent.on('error', reject)
    })
    answered.catch(() => {})
    return { sent, answered }
  }
  return { ...it, open, spooled }
}

/** Waits for what must come, however long that takes. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await pass(5)
}

const letter = (sizeBytes: number, seed: number): Buffer => {
  const head = `From: ${ANNA}\r\nTo: ${CARL}\r\nSubject: large ${seed}\r\n\r\n`
  const line = `${'x'.repeat(76)}\r\n`
  return Buffer.from(head + line.repeat(Math.ceil((sizeBytes - head.length) / line.length)))
}

const write = (sent: ClientRequest, bytes: Uint8Array) =>
  new Promise<void>((resolve) => sent.write(bytes, () => resolve()))

test('eight large messages on their way at once are in files and not in memory, and each arrives as it was sent', async (t) => {
  const { open, spooled, queued } = await listening(t)
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const message = letter(8 * MB, 1)
  const held = message.subarray(0, message.length - 100)
  const heldBytes = () => {
    collect()
    return process.memoryUsage().arrayBuffers
  }
  const before = heldBytes()
  const requests = Array.from({ length: 8 }, () => open({ 'content-length': message.length }))
  await Promise.all(requests.map(({ sent }) => write(sent, held)))
  await until(() => spooled().reduce((sum, path) => sum + statSync(path).size, 0) >= 8 * held.length)
  assert.equal(spooled().length, 8)
  // What was collected is counted as free some moments later.
  let grownBytes = heldBytes() - before
  for (let tries = 0; tries < 400 && grownBytes >= 24 * MB; tries++) {
    await pass(25)
    grownBytes = heldBytes() - before
  }
  assert.ok(grownBytes < 24 * MB, `${grownBytes} bytes for ${8 * held.length} on their way`)
  for (const { sent } of requests) sent.end(message.subarray(held.length))
  for (const { answered } of requests) {
    const { status, body } = await answered
    assert.equal(status, 202, body)
    assert.ok((await queued(JSON.parse(body).id)).endsWith(message.toString('latin1')))
  }
  assert.deepEqual(spooled(), [])
})

test('what is too large, of another type, or from nobody is refused before its body is asked for', async (t) => {
  const { open } = await listening(t)
  for (const [headers, status] of [
    [{ 'content-length': 200 * MB }, 413],
    [{ 'content-length': 1000, 'content-type': 'text/plain' }, 415],
    [{ 'content-length': 1000, authorization: 'Basic !' }, 401],
  ] as const) {
    const { sent, answered } = open({ expect: '100-continue', ...headers })
    sent.on('continue', () => assert.fail('it was asked for the body'))
    sent.flushHeaders()
    const answer = await answered
    assert.deepEqual([answer.status, (answer.headers as { connection?: string }).connection], [status, 'close'])
    sent.destroy()
  }
})

test('a client that waits is asked for the body, at this door and at others', async (t) => {
  const { open, app } = await listening(t)
  const message = letter(MB, 2)
  const { sent, answered } = open({ expect: '100-continue', 'content-length': message.length })
  sent.on('continue', () => sent.end(message))
  sent.flushHeaders()
  assert.equal((await answered).status, 202)
  const { port } = app.server.address() as { port: number }
  const status = await new Promise((resolve, reject) => {
    const other = request({
      ...{ host: '127.0.0.1', port, path: '/api/sign-in', method: 'POST', agent: false },
      headers: { expect: '100-continue', 'content-type': 'application/json', 'content-length': 2 },
    })
    other.on('continue', () => other.end('{}'))
    other.on('response', (answer) => resolve(answer.resume().statusCode))
    other.on('error', reject)
    other.flushHeaders()
  })
  assert.ok(Number(status) >= 400 && Number(status) < 500)
})

test('who breaks off, or sends more than is taken, leaves nothing', async (t) => {
  const { open, spooled, store } = await listening(t)
  const { sent } = open({ 'content-length': 8 * MB })
  await write(sent, letter(4 * MB, 3))
  await until(() => spooled().length > 0)
  sent.destroy()
  await until(() => spooled().length === 0)
  const more = open({})
  const message = letter(51 * MB, 4)
  more.sent.end(message)
  // Who goes on sending may find the connection gone before it reads why.
  await more.answered.then(
    ({ status }) => assert.equal(status, 413),
    () => {},
  )
  await until(() => spooled().length === 0)
  assert.equal(store.queue.length(), 0)
})

test('what a crash left is removed', async (t) => {
  const { open, spooled, folder } = await listening(t)
  mkdirSync(join(folder, 'sending'))
  writeFileSync(join(folder, 'sending', 'left'), 'of another life')
  const message = letter(MB, 5)
  const { sent, answered } = open({ 'content-length': message.length })
  await write(sent, message.subarray(0, message.length - 1))
  await until(() => spooled().length === 1 && !spooled()[0]!.endsWith('left'))
  sent.end(message.subarray(message.length - 1))
  assert.equal((await answered).status, 202)
})

test('nothing of it can be read where the store is encrypted, and what was changed meanwhile is not taken', async (t) => {
  const { world, spooled } = await listening(t)
  const { disk, random } = world
  const sealed = {
    seal: new Seal([Buffer.alloc(32, 7)]),
    open: (path: string, create: boolean) => disk.open(path, create),
    list: (folder: string) => disk.list(folder),
    remove: (path: string) => disk.remove(path),
    freeBytes: () => disk.freeBytes(),
  } as unknown as Disk
  const message = letter(MB, 6)
  const pieces = Array.from({ length: 16 }, (_, n) => message.subarray((n * MB) / 16, ((n + 1) * MB) / 16))
  const take = async () => {
    const body = await new Spool({ disk: sealed, random }).take(
      { headers: {}, raw: {}, body: Readable.from(pieces) } as never,
      {} as never,
      2 * MB,
    )
    assert.ok(!('status' in body))
    return body
  }
  const body = await take()
  assert.ok(!readFileSync(spooled()[0]!).includes('xxxx'))
  assert.ok(await body.read(1, async (bytes) => bytes.equals(message.subarray(0, bytes.length))))
  await body.remove()
  await body.remove()
  assert.deepEqual(spooled(), [])
  const other = await take()
  const [path] = spooled()
  const bytes = readFileSync(path!)
  bytes[bytes.length >> 1]! ^= 1
  writeFileSync(path!, bytes)
  await assert.rejects(
    other.read(1, async () => {}),
    /damaged/,
  )
  await other.remove()
})

test('a folder that could not be looked through is looked through again for the next request', async (t) => {
  const { world, spooled } = await listening(t)
  const { disk, random } = world
  let isBroken = true
  const broken = {
    open: (path: string, create: boolean) => disk.open(path, create),
    list: async (folder: string) => {
      if (isBroken) throw new DiskError('failed', 'I/O error')
      return disk.list(folder)
    },
    remove: (path: string) => disk.remove(path),
    freeBytes: () => disk.freeBytes(),
  } as unknown as Disk
  const spool = new Spool({ disk: broken, random })
  const take = () =>
    spool.take({ headers: {}, raw: {}, body: Readable.from([letter(MB, 7)]) } as never, {} as never, 2 * MB)
  assert.equal(((await take()) as { status: number }).status, 503)
  isBroken = false
  const body = await take()
  assert.ok(!('status' in body), 'it is taken again')
  await body.remove()
  assert.deepEqual(spooled(), [])
})
